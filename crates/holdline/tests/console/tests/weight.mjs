// How heavy the first page is, and how soon it can be used. `--large` asks the same of a store with
// very many messages.

import assert from 'node:assert/strict';
import { numberOf } from '../app.mjs';

const BYTES_MAX = 60_000;
const READY_MS_MAX = 300;
const TRIES = 5;
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

/** What goes over the wire until nothing more comes, with an empty cache. */
async function weigh(stage, at, owner) {
  const page = await stage.page(at, owner);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
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

/** The page is there and its scripts have run; the middle of some tries, each in a new browser. */
async function assertQuick(stage, at, owner, path) {
  const times = [];
  for (let n = 0; n < TRIES; n += 1) {
    const context = await stage.context(at, owner);
    const page = await context.newPage();
    await page.goto(path);
    times.push(await page.evaluate(() =>
      performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd));
    await context.close();
  }
  const middle = times.sort((a, b) => a - b)[Math.floor(TRIES / 2)];
  stage.note(`${path} after ${Math.round(middle)} ms`);
  assert.ok(middle <= READY_MS_MAX, `${path}: ${times.map(Math.round)} ms`);
}
