// A list of people comes in while somebody watches.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const PEOPLE = 10_000;
const BAD = [17, 2_500, 5_001, 7_777, 9_998];
const IMPORT_MS_MAX = 150_000;

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
    assert.ok(steps.filter((lines) => lines > 0 && lines < PEOPLE).length >= 2, `${steps}`);
    assert.deepEqual(steps, [...steps].sort((a, b) => a - b), 'it only goes on');

    assert.deepEqual((await page.locator('#import dl').innerText()).split(/\s*\n\s*/), [
      'New', String(PEOPLE), 'Changed', '0', 'As they were', '0', 'Bad lines', String(BAD.length),
    ]);
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download what is wrong in them' }).click();
    const got = await download;
    assert.equal(got.suggestedFilename(), 'bad-lines.csv');
    const rows = readFileSync(await got.path(), 'utf8').trim().split('\n');
    assert.equal(rows[0], 'line,column,fault,fix');
    assert.deepEqual(rows.slice(1).map((row) => Number(row.split(',')[0])), BAD);
    assert.ok(rows.slice(1).every((row) => row.split(',')[1] === 'sms'), rows.join('\n'));

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
