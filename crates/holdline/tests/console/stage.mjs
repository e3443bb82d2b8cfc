// What a test is handed: the browser, the two scenes, installations and contexts of its own. What a
// test has opened is closed after it; the scenes stay until the end.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { App } from './app.mjs';
import { contextOf } from './browser.mjs';
import { firstOwner } from './people.mjs';
import * as scenes from './scenes.mjs';
import { Installation } from './server.mjs';
import { within } from './wait.mjs';

const END_MS_MAX = 30_000;

export class Stage {
  #scenes = new Map();
  #opened = [];
  #contexts = [];
  notes = [];

  constructor(browser) {
    this.browser = browser;
  }

  calm() {
    return this.#scene('calm');
  }

  broken() {
    return this.#scene('broken');
  }

  #scene(name) {
    if (!this.#scenes.has(name)) this.#scenes.set(name, scenes[name]());
    return this.#scenes.get(name);
  }

  /** An installation that is this test's alone; unless told otherwise with its first owner. */
  async fresh({ owner = true } = {}) {
    const at = await Installation.start();
    this.#opened.push(at);
    return { at, app: new App(at), owner: owner ? await firstOwner(at) : null };
  }

  async context(at, cookie, options) {
    const context = await contextOf(this.browser, at, cookie, options);
    this.#contexts.push(context);
    return context;
  }

  /** A page in a context of its own. */
  async page(at, cookie, options) {
    return (await this.context(at, cookie, options)).newPage();
  }

  /** A figure for whoever reads the results. */
  note(text) {
    this.notes.push(text);
  }

  /** What was on the screen, and what the servers said last. */
  async evidence(name, folder) {
    if (folder) mkdirSync(folder, { recursive: true });
    const pages = folder ? this.#contexts.flatMap((context) => context.pages()) : [];
    for (const [ix, page] of pages.entries()) {
      const file = path.join(folder, `${name.replaceAll(/\W+/g, '-')}-${ix}.png`);
      await page.screenshot({ path: file, fullPage: true }).catch(() => {});
    }
    return this.#opened.map((at) => at.server?.words() ?? '').join('\n');
  }

  async clear() {
    this.notes = [];
    await ended(this.#contexts.splice(0).map((context) => context.close()));
    await ended(this.#opened.splice(0).map((at) => at.end()));
  }

  async end() {
    const all = await Promise.allSettled(this.#scenes.values());
    const begun = all.filter((it) => it.status === 'fulfilled').map((it) => it.value);
    await ended([...begun.map((scene) => scene.end()), this.browser.close()]);
  }
}

/** A browser that has crashed ends nothing any more, and is not waited for. */
async function ended(all) {
  await within('the end', END_MS_MAX, Promise.allSettled(all)).catch(() => {});
}
