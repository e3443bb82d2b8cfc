// Runs the browser tests one after the other and says what came of each. Needs a built binary
// (HOLDLINE_BIN, or target/debug/holdline), chromium (HOLDLINE_CHROMIUM, or where it usually is)
// and the packages (`npm ci`).
//
//   node run.mjs [PART OF A NAME]   the tests whose names have this part; all without
//   node run.mjs --large            those that store very much first, and these alone
//
// HOLDLINE_EVIDENCE=FOLDER keeps what was on the screen when a test failed.
// UPDATE_SNAPSHOTS=1 writes the snapshots anew.

import { readdirSync } from 'node:fs';
import { launch } from './browser.mjs';
import { Stage } from './stage.mjs';
import { within } from './wait.mjs';

const TEST_MS_MAX = 180_000;
const LARGE_MS_MAX = 1_800_000;

const given = process.argv.slice(2);
const large = given.includes('--large');
const part = given.find((it) => !it.startsWith('--')) ?? '';

async function all() {
  const folder = new URL('./tests/', import.meta.url);
  const found = [];
  for (const file of readdirSync(folder).filter((it) => it.endsWith('.mjs')).sort()) {
    const module = await import(new URL(file, folder));
    const tests = Object.entries((large ? module.large : module.tests) ?? {});
    found.push(...tests.map(([name, run]) => [`${file.replace('.mjs', '')}: ${name}`, run]));
  }
  return found.filter(([name]) => name.includes(part));
}

/** True when it passed. */
async function judge(stage, name, run) {
  const began = Date.now();
  const took = () => `${((Date.now() - began) / 1_000).toFixed(1)} s`;
  const notes = () => stage.notes.map((note) => `; ${note}`).join('');
  try {
    await within('the test', large ? LARGE_MS_MAX : TEST_MS_MAX, run(stage));
    console.log(`ok    ${name} (${took()})${notes()}`);
    return true;
  } catch (fault) {
    const last = await stage.evidence(name, process.env.HOLDLINE_EVIDENCE);
    console.log(`FAIL  ${name} (${took()})${notes()}\n${fault.stack}\n${last}`);
    return false;
  } finally {
    await stage.clear();
  }
}

const browser = await launch();
const stage = new Stage(browser);
let passed = 0;
let failed = 0;
for (const [name, run] of await all()) {
  if (await judge(stage, name, run)) passed += 1;
  else failed += 1;
}
await stage.end();
const code = failed || !passed ? 1 : 0;
process.stdout.write(`${passed} passed, ${failed} failed\n`, () => process.exit(code));
