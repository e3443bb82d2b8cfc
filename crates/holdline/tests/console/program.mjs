// A program that was started here: its first line, its end by its own process id, its last words.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const WORDS_MAX = 30;

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const target = path.resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
const binary = path.resolve(process.env.HOLDLINE_BIN ?? path.join(target, 'debug/holdline'));

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(130));

/** The root of the repository. */
export { root };

export class Program {
  constructor(name, given, folder) {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run \`cargo build\` first`);
    this.name = name;
    this.log = path.join(folder, `${name}.log`);
    const log = openSync(this.log, 'a');
    const options = { cwd: folder, env: plainEnvironment(), stdio: ['ignore', 'pipe', log] };
    this.child = spawn(binary, given, options);
    closeSync(log);
    running.add(this.child);
    this.ended = new Promise((done) => this.child.once('exit', done));
    this.ended.then(() => running.delete(this.child));
    this.facts = this.#facts();
    // Whoever waits for the facts hears of it; nobody may.
    this.facts.catch(() => {});
  }

  /** The JSON object that it prints once it is ready. */
  async #facts() {
    const lines = createInterface({ input: this.child.stdout });
    const found = new Promise((take, refuse) => {
      lines.on('line', (line) => line.startsWith('{') && take(JSON.parse(line)));
      lines.on('close', () => refuse(new Error(`${this.name} said nothing\n${this.words()}`)));
    });
    return within(`the start of ${this.name}`, START_MS_MAX, found);
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    try {
      await within(`the end of ${this.name}`, STOP_MS_MAX, this.ended);
    } catch (fault) {
      this.child.kill('SIGKILL');
      throw new Error(`${fault.message}\n${this.words()}`);
    }
  }

  /** The end of its log. */
  words() {
    if (!existsSync(this.log)) return '';
    return readFileSync(this.log, 'utf8').split('\n').slice(-WORDS_MAX).join('\n');
  }
}

/** Runs a command of the binary to its end and gives what it prints. */
export function command(given, folder) {
  const options = { cwd: folder, env: plainEnvironment(), encoding: 'utf8', timeout: START_MS_MAX };
  const done = spawnSync(binary, given, options);
  if (done.status !== 0) throw new Error(`holdline ${given.join(' ')}\n${done.stderr}`);
  return done.stdout.trim();
}

/** Ours, without settings of Holdline that somebody made for another purpose. */
function plainEnvironment() {
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDLINE_'));
  return Object.fromEntries(plain);
}
