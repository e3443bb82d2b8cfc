// What holds for every page, whatever it shows: narrow windows, the content policy, sound HTML,
// and what axe-core finds, in light and dark.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PHONE, complaints } from '../browser.mjs';
import { everyPage, follow } from '../pages.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const NO_COLOUR = 'rgba(0, 0, 0, 0)';
const FAULTS = ['serious', 'critical'];
/** Pages that are meant to fail; the browser logs that. */
const FAILING = /the server responded with a status of (403|404|410)/;

export const tests = {
  async 'on a phone no page is wider than the window'(stage) {
    const wide = [];
    const phone = { viewport: PHONE, isMobile: true, hasTouch: true };
    await everyPage(stage, phone, async (page, _, name) => {
      const found = await page.evaluate(tooWide, PHONE.width);
      if (found) wide.push(`${name}: ${found}`);
    });
    assert.deepEqual(wide, []);
  },

  async 'the content policy allows nothing inline, and nothing breaks it'(stage) {
    const found = [];
    let heard;
    const hear = (page) => (heard = complaints(page));
    const look = async (page, answer, name) => {
      const headers = answer.headers();
      assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/);
      assert.doesNotMatch(headers['content-security-policy'], /unsafe-/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      await follow(page);
      const unmeant = heard.filter((it) => !FAILING.test(it));
      found.push(...unmeant.map((it) => `${name}: ${it}`));
    };
    await everyPage(stage, {}, look, hear);
    assert.deepEqual(found, []);
  },

  async 'no tag has an attribute twice, and no page an id'(stage) {
    const found = [];
    await everyPage(stage, {}, async (page, answer, name) => {
      const html = await answer.text();
      for (const [tag] of html.matchAll(/<[a-z][^<>]*>/g)) {
        const names = [...tag.matchAll(/\s([\w-]+)="[^"]*"/g)].map((it) => it[1]);
        if (new Set(names).size < names.length) found.push(`${name}: ${tag}`);
      }
      const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map((it) => it[1]);
      const twice = ids.filter((id, ix) => ids.indexOf(id) !== ix);
      if (twice.length) found.push(`${name}: id ${twice}`);
    });
    assert.deepEqual([...new Set(found)], []);
  },

  async 'axe-core finds nothing serious in light'(stage) {
    await checkAxe(stage, 'light');
  },

  async 'axe-core finds nothing serious in dark'(stage) {
    await checkAxe(stage, 'dark');
  },

  async 'the state of a route is seen by colour too'(stage) {
    const scene = await stage.broken();
    const page = await stage.page(scene.at, scene.owner);
    await page.goto('/console/');
    const colour = (it) => getComputedStyle(it).backgroundColor;
    const banner = await page.getByRole('region', { name: 'State' }).evaluate(colour);
    const ground = await page.locator('html').evaluate(colour);
    assert.ok(![ground, NO_COLOUR].includes(banner), 'the banner stands out');
    const dots = await page.locator('.cards .state span').evaluateAll((all) =>
      all.map((it) => getComputedStyle(it).backgroundColor));
    assert.notEqual(dots[0], dots[1], 'a route that is down differs from one that is up');
  },
};

/** What makes a page wider than it may be; runs in it. */
function tooWide(most) {
  for (const fold of document.querySelectorAll('details')) fold.open = true;
  const width = document.documentElement.scrollWidth;
  if (width <= most) return null;
  const out = (it) => it.getBoundingClientRect().right > most + 1 && !it.closest('.scroll');
  const worst = [...document.querySelectorAll('body *')].filter(out).slice(0, 3);
  const names = worst.map((it) => `${it.tagName} ${it.innerText?.slice(0, 30)}`);
  return `${width} px: ${names.join(' | ')}`;
}

async function checkAxe(stage, colorScheme) {
  const found = new Set();
  await everyPage(stage, { colorScheme }, async (page, _, name) => {
    const look = async (what) => {
      for (const fault of await axe(page)) found.add(`${what}: ${fault}`);
    };
    await look(name);
    if (name !== 'overview') return;
    await page.keyboard.press('?');
    await look('the list of keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await look('the palette');
  });
  assert.deepEqual([...found], []);
}

/** The faults that axe-core finds, one line for each place. */
async function axe(page) {
  await page.evaluate(AXE);
  return page.evaluate(async (impacts) => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    const grave = violations.filter((it) => impacts.includes(it.impact));
    const line = (rule, node) => `${rule.id} (${rule.impact}) at ${node.target}: ${node.html}`;
    return grave.flatMap((rule) => rule.nodes.slice(0, 3).map((node) => line(rule, node)));
  }, FAULTS);
}
