// Everything can be done without a mouse, and it is seen where one is.

import assert from 'node:assert/strict';
import { numberOf } from '../app.mjs';
import { PASSWORD } from '../people.mjs';
import { waitFor } from '../wait.mjs';

/** More than any page has stops. */
const STOPS_MAX = 200;

export const tests = {
  async 'from the sign-in to a message and back by keys alone'(stage) {
    const { at, message } = await stage.calm();
    const page = await stage.page(at);
    const press = async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    await page.goto('/console/');
    await tabTo(page, (it) => it.id === 'name');
    await page.keyboard.type('ada');
    await press('Tab');
    await page.keyboard.type(PASSWORD);
    await press('Enter');
    await page.getByRole('heading', { name: 'What happened' }).waitFor();

    await press('?');
    const keys = page.getByRole('dialog', { name: 'Keys' });
    await keys.waitFor();
    await press('Escape');
    await keys.waitFor({ state: 'hidden' });

    await press('Control+k');
    const palette = page.getByRole('combobox');
    await page.keyboard.type('mess');
    await assertSeen(page);
    await press('ArrowDown', 'ArrowUp');
    assert.equal(await chosen(page), 'Messages');
    await press('Escape');
    await palette.waitFor({ state: 'hidden' });

    await press('g', 'm');
    await page.waitForURL('**/console/messages');
    await press('j', 'j', 'k');
    await assertSeen(page);
    const first = page.locator('main tbody tr').first();
    assert.equal(await first.getAttribute('data-current'), '');
    await press('Enter');
    await page.waitForURL('**/console/messages/*');
    await page.getByRole('heading', { name: 'Message', exact: true }).waitFor();
    await press('g', 'm');
    await page.waitForURL('**/console/messages');

    await press('/');
    assert.equal(await page.evaluate(() => document.activeElement.name), 'q');
    await page.keyboard.type(message);
    await press('Enter');
    await page.waitForURL(`**/console/messages?q=${message}*`);
    assert.equal(await page.locator('main tbody tr').count(), 1);

    await press('Control+k');
    await page.keyboard.type('16505551007');
    await press('ArrowDown');
    await press('Enter');
    await page.waitForURL('**/console/contacts?q=16505551007');
    await press('g', 'o');
    await page.waitForURL('**/console/');
  },

  async 'the chosen line stays chosen while the list grows'(stage) {
    const { at, app, owner } = await stage.fresh();
    for (let n = 0; n < 5; n += 1) await app.send(numberOf(n));
    const page = await stage.page(at, owner);
    await page.goto('/console/messages');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    const chosen = await page.evaluate(() => document.activeElement.href);
    await app.send(numberOf(6));
    const rows = page.locator('main tbody tr');
    await waitFor('the list to grow', async () => (await rows.count()) === 6);
    assert.equal(await page.evaluate(() => document.activeElement.href), chosen);
    await page.keyboard.press('j');
    const next = await rows.nth(3).getByRole('link').getAttribute('href');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), next);
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.waitForURL(chosen);
  },

  async 'every stop of the Tab key is seen, and none is a trap'(stage) {
    const scene = await stage.calm();
    const names = ['overview', 'messages', 'message', 'outages', 'users', 'account', 'sandbox'];
    for (const { name, path } of scene.pages.filter((it) => names.includes(it.name))) {
      const page = await stage.page(scene.at, scene.owner);
      await page.goto(path);
      const stops = [];
      for (let ix = 0; ix < STOPS_MAX; ix += 1) {
        await page.keyboard.press('Tab');
        const stop = await focused(page);
        if (!stop || stop.words === stops[0]?.words) break;
        assert.ok(stop.seen, `${name}: ${stop.words} does not show its focus`);
        stops.push(stop);
      }
      assert.ok(stops.length < STOPS_MAX, `${name} has an end`);
      assert.match(stops[0].words, /Skip to the content/, name);
      assert.ok(stops.length > 8, `${name}: only ${stops.length} stops`);
      await page.close();
    }
  },

  async 'the skip link leads to the content'(stage) {
    const scene = await stage.calm();
    const page = await stage.page(scene.at, scene.owner);
    await page.goto('/console/messages');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    const inside = await page.evaluate(() => document.activeElement.closest('main') !== null);
    assert.ok(inside);
  },

  async 'keys that are typed into a field do nothing else'(stage) {
    const scene = await stage.calm();
    const page = await stage.page(scene.at, scene.owner);
    await page.goto('/console/outages');
    const why = page.getByLabel('Why').last();
    await why.focus();
    await page.keyboard.type('g o ? / j k');
    assert.equal(await why.inputValue(), 'g o ? / j k');
    assert.equal(new URL(page.url()).pathname, '/console/outages');
    assert.equal(await page.locator('dialog[open]').count(), 0);
  },
};

/** The words of what the palette would open. */
function chosen(page) {
  return page.locator('#palette li[aria-selected=true]').innerText();
}

async function tabTo(page, isIt) {
  for (let ix = 0; ix < STOPS_MAX; ix += 1) {
    if (await page.evaluate(`(${isIt})(document.activeElement)`)) return assertSeen(page);
    await page.keyboard.press('Tab');
  }
  throw new Error(`nothing fits ${isIt}`);
}

async function assertSeen(page) {
  const stop = await focused(page);
  assert.ok(stop?.seen, `${stop?.words} does not show its focus`);
}

/** What has the focus and whether that is seen: a ring, in the window. */
function focused(page) {
  return page.evaluate(() => {
    const it = document.activeElement;
    if (!it || it === document.body) return null;
    const style = getComputedStyle(it);
    const box = it.getBoundingClientRect();
    const ring = style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 2;
    const across = box.right > 0 && box.left < innerWidth;
    const inside = across && box.bottom > 0 && box.top < innerHeight;
    const words = it.innerText || it.getAttribute('aria-label') || it.name || it.id;
    return { words: `${it.tagName} ${words}`, seen: ring && inside && box.width > 0 };
  });
}
