// Pages follow what happens, also when the server was away or other tabs come and go.

import assert from 'node:assert/strict';
import { waitFor } from '../wait.mjs';

const BACK_MS_MAX = 30_000;
const STREAM = '**/console/live*';

export const tests = {
  async 'a restart is bridged: every line comes once, and the page says when it is cut off'(stage) {
    const { at, app, owner } = await stage.fresh();
    const context = await stage.context(at, owner);
    let shut = false;
    await context.route(STREAM, (route) => (shut ? route.abort() : route.continue()));
    const page = await followed(context);
    const since = await seqOf(page);
    const cut = page.getByText('The connection to the server is lost');
    await app.hold('before the stop');
    await saidLines(page, /before the stop/);
    assert.equal(await cut.isVisible(), false);

    await at.stopServer();
    await cut.waitFor();
    shut = true;
    await at.startServer();
    // The browser is still away.
    await app.hold('while nobody followed');
    assert.equal(await cut.isVisible(), true);
    shut = false;
    await cut.waitFor({ state: 'hidden', timeout: BACK_MS_MAX });
    await saidLines(page, /while nobody followed/);
    await app.release('after the return');
    await saidLines(page, /after the return/);
    // The parts of the page were fetched again as well.
    await page.locator('ol.log').getByText('after the return').waitFor();

    const said = await seqsIn(page, '#said p');
    const log = (await seqsIn(page, 'ol.log li')).filter((seq) => seq > since);
    assert.deepEqual(said, [...log].reverse().sort((a, b) => a - b), 'each line once, in order');
    assert.equal(said.length, 3);
  },

  async 'one stream serves all tabs, and another takes over when its tab is closed'(stage) {
    const { at, app, owner } = await stage.fresh();
    const context = await stage.context(at, owner);
    let streams = 0;
    context.on('request', (it) => (streams += it.url().includes('/console/live') ? 1 : 0));
    const first = await followed(context);
    const second = await context.newPage();
    await second.goto('/console/messages');
    await app.hold('both are told');
    for (const page of [first, second]) await saidLines(page, /both are told/);
    assert.equal(streams, 1);
    await first.close();
    await app.hold('told to the one that is left');
    await saidLines(second, /told to the one that is left/);
    assert.equal(streams, 2);
    const said = await seqsIn(second, '#said p');
    assert.deepEqual(said, [...new Set(said)], 'each line once');
    assert.equal(said.length, 2);
  },

  async 'a tab that was being opened while something happened misses nothing'(stage) {
    const { at, app, owner } = await stage.fresh();
    const context = await stage.context(at, owner);
    const first = await followed(context);
    const second = await context.newPage();
    let letGo;
    const held = new Promise((done) => (letGo = done));
    // The page is there, its script not yet.
    await second.route('**/console/static/console-*.js', async (route) => {
      await held;
      await route.fallback();
    });
    const loaded = second.goto('/console/outages');
    await second.locator('#said').waitFor({ state: 'attached' });
    await app.hold('while it was opened');
    await saidLines(first, /while it was opened/);
    letGo();
    await loaded;
    await app.release('when it was open');
    await saidLines(second, /when it was open/);
    await saidLines(second, /while it was opened/);
  },

  async 'what a person writes into a form stays when the page follows'(stage) {
    const { at, app, owner } = await stage.fresh();
    await app.hold('the first word');
    const page = await stage.page(at, owner);
    await page.goto('/console/outages');
    const why = page.locator('#holds').getByLabel('Why');
    await why.fill('half a sent');
    await app.hold('the second word');
    await page.locator('#holds').getByText('the second word').waitFor();
    assert.equal(await why.inputValue(), 'half a sent');
    assert.ok(await why.evaluate((it) => it === document.activeElement), 'and keeps the focus');
  },

  async 'a fold that was opened stays open when the page follows'(stage) {
    const { at, app, owner } = await stage.fresh();
    await app.send('+16505551000');
    const page = await followed(await stage.context(at, owner));
    const fold = page.locator('figure.chart details').first();
    await fold.locator('summary').click();
    const before = await page.locator('figure.chart figcaption').allInnerTexts();
    const isNew = async () => {
      await app.send('+16505551001');
      const now = await page.locator('figure.chart figcaption').allInnerTexts();
      return now.join() !== before.join();
    };
    await waitFor('the chart to follow', isNew);
    assert.ok(await fold.evaluate((it) => it.open));
  },
};

/** The overview, once it has its stream. */
async function followed(context) {
  const page = await context.newPage();
  const stream = page.waitForResponse(STREAM);
  await page.goto('/console/');
  await stream;
  return page;
}

/** The newest line that the page knew when it was made. */
async function seqOf(page) {
  return Number(await page.locator('body').getAttribute('data-seq'));
}

async function saidLines(page, words) {
  await page.locator('#said p').filter({ hasText: words }).waitFor({ state: 'attached' });
}

function seqsIn(page, selector) {
  const read = (lines) => lines.map((it) => Number(it.dataset.seq));
  return page.locator(`${selector}[data-seq]`).evaluateAll(read);
}
