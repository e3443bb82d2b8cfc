// What a screen reader is told of every page, compared with what was kept in `snapshots`; times,
// ids and all that differs between two runs is left out. UPDATE_SNAPSHOTS=1 writes it anew.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { everyPage } from '../pages.mjs';

/** What is replaced, in this order. */
const VARIABLE = [
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?/g, 'TIME'],
  [/\b\d+(\.\d+)? (ms|s|min|h|d)\b( \d+ (s|min|h)\b)?/g, 'SPAN'],
  [/127\.0\.0\.1(:\d+)?/g, 'ADDRESS'],
  [/\b([0-9a-f]{32}|[0-9a-f]{16}|(end|tok|wh)_\w+)\b/g, 'ID'],
  [/\b[A-Z2-7]{32}\b/g, 'SECRET'],
  [/\+?1650555\d{4}/g, 'PHONE'],
  [/\b([Pp]erson) ?\d+/g, '$1N'],
  [/Mozilla\/[^"]*|\bnode\b/g, 'BROWSER'],
  [/\d+ (sends|receipts|failures)/g, 'N $1'],
  [/at most \d+ a minute/g, 'at most N a minute'],
];
/** An outage never runs the same twice: how many, how far and how soon differs. */
const IN_OUTAGE = [
  [/(?<!level=)\+?\b\d+(\.\d+)?\b/g, 'N'],
  [/(: |")(it goes on|it reaches|N of)[^"\n]*?alarm at N/g, '$1REASON'],
  [/whatsapp\/N\/(all|session\/N)/g, 'whatsapp/SCOPE'],
  [/(everything|text messages to N) by whatsapp N/g, 'SCOPE'],
  [/\b(sends_and_probes|send_outcomes|sends|probes)(?=[,)])/g, 'SIGNAL'],
  [/SCOPE: (suspect|degraded|down): /g, 'SCOPE: HEALTH: '],
];

export const tests = {
  async 'a screen reader is told the same as before'(stage) {
    const differ = [];
    await everyPage(stage, {}, async (page, _, name) => {
      const found = await snapshot(page, name);
      const file = new URL(`../snapshots/${name}.aria`, import.meta.url);
      if (process.env.UPDATE_SNAPSHOTS) writeFileSync(file, found);
      const kept = existsSync(file) ? readFileSync(file, 'utf8') : '';
      if (found !== kept) differ.push(`${name}:\n${firstDifference(kept, found)}`);
    });
    assert.equal(differ.length, 0, differ.join('\n\n'));
  },
};

async function snapshot(page, name) {
  // What is folded away is not told.
  await page.evaluate(() => {
    const folded = document.querySelectorAll('details:not([open]) > :not(summary)');
    for (const it of folded) it.hidden = true;
  });
  const told = await page.locator('body').ariaSnapshot();
  const rules = name.startsWith('down-') ? [...VARIABLE, ...IN_OUTAGE] : VARIABLE;
  const lines = rules.reduce((text, [from, to]) => text.replaceAll(from, to), told).split('\n');
  return `${withoutRepeats(lines).join('\n')}\n`;
}

/** Of entries that follow each other and say the same, one. */
function withoutRepeats(lines) {
  const entries = entriesOf(lines);
  const same = (a, b) => a?.join('\n') === b.join('\n');
  const kept = entries.filter((entry, ix) => !same(entries[ix - 1], entry));
  return kept.flatMap(([head, ...inside]) => [head, ...withoutRepeats(inside)]);
}

/** Lines, each with those that stand deeper below it. */
function entriesOf(lines) {
  const depth = (line) => line.search(/\S/);
  const entries = [];
  for (const line of lines) {
    if (entries.length && depth(line) > depth(entries.at(-1)[0])) entries.at(-1).push(line);
    else entries.push([line]);
  }
  return entries;
}

function firstDifference(kept, found) {
  const [before, now] = [kept.split('\n'), found.split('\n')];
  const at = now.findIndex((line, ix) => line !== before[ix]);
  const from = at < 0 ? now.length : at;
  const around = (lines) => lines.slice(Math.max(0, from - 2), from + 4).join('\n');
  return `kept:\n${around(before)}\nfound:\n${around(now)}`;
}
