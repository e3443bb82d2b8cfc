// A list of people comes in while somebody watches.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { personWith } from '../people.mjs';

const PEOPLE = 10_000;
const BAD = [17, 2_500, 5_001, 7_777, 9_998];
const IMPORT_MS_MAX = 150_000;
const TOO_LARGE = 66 * 1024 * 1024;

/** As many people as wanted, with a bad line at each of the places: the header is line 1. */
function list() {
  const lines = ['name,whatsapp,sms,sms_consent'];
  for (let n = 0; n < PEOPLE; n += 1) {
    const number = `+1650${String(5_550_000 + n)}`;
    if (BAD.includes(lines.length + 1)) lines.push(`Nobody ${n},${number},12,given`);
    lines.push(`Person ${n},${number},${number},given`);
  }
  return [...lines, ''].join('\n');
}

export const tests = {
  async 'ten thousand people are imported, with progress, a report and the bad lines'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await stage.page(at, owner);
    await page.addInitScript(() => {
      window.seen = [];
      const look = () => {
        const text = document.getElementById('import')?.innerText ?? '';
        const done = /It runs: (\d+) lines done/.exec(text);
        if (done && window.seen.at(-1) !== done[1]) window.seen.push(done[1]);
      };
      const all = { childList: true, subtree: true, characterData: true };
      new MutationObserver(look).observe(document, all);
    });
    await page.goto('/console/contacts');
    await page.getByRole('link', { name: 'Import a list' }).click();
    const file = { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(list()) };
    await page.getByLabel('CSV file').setInputFiles(file);
    await page.getByRole('button', { name: 'Import' }).click();
    await page.waitForURL('**/console/contacts/import/*');
    const done = page.getByRole('status').getByText('The list is imported.');
    await done.waitFor({ timeout: IMPORT_MS_MAX });
    const steps = (await page.evaluate(() => window.seen)).map(Number);
    stage.note(`${steps.length} steps of progress`);
    assert.ok(steps.some((lines) => lines > 0 && lines < PEOPLE), `${steps}`);
    assert.deepEqual(steps, [...steps].sort((a, b) => a - b), 'it only goes on');

    assert.deepEqual((await page.locator('#import dl').innerText()).split(/\s*\n\s*/), [
      'New', String(PEOPLE), 'Changed', '0', 'As they were', '0', 'Bad lines', String(BAD.length),
    ]);
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download the bad lines' }).click();
    const got = await download;
    assert.equal(got.suggestedFilename(), 'bad-lines.csv');
    const bad = readFileSync(await got.path(), 'utf8');
    const rows = bad.trim().split('\n');
    assert.equal(rows[0], '# line,# what is wrong,name,whatsapp,sms,sms_consent');
    assert.deepEqual(rows.slice(1).map((row) => Number(row.split(',')[0])), BAD);
    const isWhole = (row) => /,"?sms .*,Nobody \d+,\+1650\d+,12,given$/.test(row);
    assert.ok(rows.slice(1).every(isWhole), rows.join('\n'));

    // Mended where it is wrong, it is a list like any other.
    await page.goto('/console/contacts/import');
    const mended = Buffer.from(bad.replaceAll(/,(\+\d+),12,given/g, ',$1,$1,given'));
    const again = { name: 'bad-lines.csv', mimeType: 'text/csv', buffer: mended };
    await page.getByLabel('CSV file').setInputFiles(again);
    await page.getByRole('button', { name: 'Import' }).click();
    await page.getByRole('status').getByText('The list is imported.').waitFor();
    assert.match(await page.locator('#import dl').innerText(), /Bad lines\s+0/);

    await page.getByRole('link', { name: 'To the contacts' }).click();
    await page.getByRole('searchbox').fill('Person 7321');
    await page.getByRole('button', { name: 'Find' }).click();
    const row = page.locator('main tbody tr');
    assert.equal(await row.count(), 1);
    assert.match(await row.innerText(), /yes by SMS/);
    await row.getByRole('link').click();
    await page.getByRole('heading', { name: 'Person 7321' }).waitFor();
    const facts = page.locator('.card dl');
    assert.match(await facts.innerText(), /Reachable if WhatsApp is down\s+yes by SMS/);
    assert.match(await page.locator('tbody').innerText(), /SMS\s+\+16505557321\s+given/);
  },

  async 'a file that is too large, or of somebody who may not, is refused in words'(stage) {
    const { at, owner } = await stage.fresh();
    const send = (cookie, bytes) => {
      const form = new FormData();
      form.append('list', new Blob([Buffer.alloc(bytes, 'x')]), 'people.csv');
      const headers = { cookie: `${cookie.name}=${cookie.value}` };
      const url = `${at.url}/console/contacts/import`;
      return fetch(url, { method: 'POST', body: form, headers, redirect: 'manual' });
    };
    const large = await send(owner, TOO_LARGE);
    assert.equal(large.status, 422);
    assert.match(await large.text(), /larger than 64 MiB/);
    const agent = await personWith(at, owner, 'agent');
    const forbidden = await send(agent, 8_000_000);
    assert.equal(forbidden.status, 403);
    assert.match(await forbidden.text(), /Your role here is agent/);
  },

  async 'a file that is no list is refused with what to do'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await stage.page(at, owner);
    await page.goto('/console/contacts/import');
    const buffer = Buffer.from('colour,size\nred,7\n');
    const file = { name: 'x.csv', mimeType: 'text/csv', buffer };
    await page.getByLabel('CSV file').setInputFiles(file);
    await page.getByRole('button', { name: 'Import' }).click();
    const fault = page.getByRole('alert').filter({ hasText: 'The import stopped' });
    await fault.waitFor();
    assert.match(await fault.innerText(), /column 1 its name is not known/);
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Import contacts' }).waitFor();
  },
};
