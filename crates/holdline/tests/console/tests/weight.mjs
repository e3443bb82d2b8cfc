// How heavy the first page is, and how soon it can be used. `--large` asks the same of a store with
// very many messages.

import assert from 'node:assert/strict';
import { numberOf } from '../app.mjs';

const BYTES_MAX = 60_000;
const READY_MS_MAX = 300;
const TRIES = 5;
const ROUNDS = 3;
const MANY = 100_000;
const AT_ONCE = 64;

export const tests = {
  async 'the first page weighs no more than 60 kB, all in'(stage) {
    const { at, owner } = await stage.calm();
    const { bytes, files } = await weigh(stage, at, owner);
    stage.note(`${(bytes / 1_000).toFixed(1)} kB in ${files} files`);
    assert.ok(bytes > 1_000 && bytes <= BYTES_MAX, `${bytes} bytes`);
  },

  async 'the first page can be used within 300 ms'(stage) {
    const { at, owner } = await stage.calm();
    await assertQuick(stage, at, owner, '/console/');
  },
};

export const large = {
  async 'with 100,000 messages stored the pages are as quick'(stage) {
    const { at, app, owner } = await stage.fresh();
    // They are to be stored, not delivered.
    await app.hold('they only wait');
    const began = Date.now();
    let left = MANY;
    const sending = async () => {
      for (; left > 0; ) {
        left -= 1;
        await app.send(numberOf(left % 9_000));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sending));
    stage.note(`${MANY} messages in ${Math.round((Date.now() - began) / 1_000)} s`);
    const paths = ['/console/', '/console/messages', '/console/messages?state=failed'];
    for (const path of paths) await assertQuick(stage, at, owner, path);
  },
};

/** What goes over the wire until nothing more comes. */
async function weigh(stage, at, owner) {
  const { page, session } = await withoutCache(stage, at, owner);
  const found = { bytes: 0, files: 0 };
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    found.bytes += encodedDataLength;
    found.files += 1;
  });
  const stream = page.waitForResponse('**/console/live*');
  await page.goto('/console/');
  const loaded = { ...found };
  await stream;
  return loaded;
}

/** The page is there and its scripts have run, with an empty cache: the middle of some tries. What
 *  else the machine does is not the page's fault, so the best of a few rounds counts. */
async function assertQuick(stage, at, owner, path) {
  const { page } = await withoutCache(stage, at, owner);
  // What starts once, in the browser and in the server, is not counted.
  await timed(page, path);
  const rounds = [];
  while (rounds.length < ROUNDS && !rounds.some((it) => it.ready <= READY_MS_MAX)) {
    const tries = [];
    for (let n = 0; n < TRIES; n += 1) tries.push(await timed(page, path));
    rounds.push({
      ready: middle(tries.map((it) => it.domContentLoadedEventEnd)),
      answered: middle(tries.map((it) => it.responseEnd - it.requestStart)),
    });
  }
  const words = rounds.map((it) => `${it.ready} ms (its answer ${it.answered} ms)`).join(', ');
  stage.note(`${path} after ${words}`);
  assert.ok(rounds.at(-1).ready <= READY_MS_MAX, words);
}

async function timed(page, path) {
  await page.goto(path);
  return page.evaluate(() => performance.getEntriesByType('navigation')[0].toJSON());
}

async function withoutCache(stage, at, owner) {
  const page = await stage.page(at, owner);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  return { page, session };
}

function middle(times) {
  return Math.round([...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]);
}
