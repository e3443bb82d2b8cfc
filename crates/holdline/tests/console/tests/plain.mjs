// Without scripts every page can be read, and every form works.

import assert from 'node:assert/strict';
import { PASSWORD } from '../people.mjs';
import { everyPage } from '../pages.mjs';

const PLAIN = { javaScriptEnabled: false };

export const tests = {
  async 'every page can be read without scripts'(stage) {
    await everyPage(stage, PLAIN, async (page, _, name) => {
      assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, name);
      const text = await page.locator('main').innerText();
      assert.ok(text.length > (name === 'unknown' ? 30 : 60), text);
      const useless = page.locator('dialog:visible');
      assert.equal(await useless.count(), 0, 'what needs scripts is not seen');
      if (name.startsWith('down-')) await page.getByText('WhatsApp is down.').first().waitFor();
    });
  },

  async 'sign-in, filter and pages of a list work without scripts'(stage) {
    const { at } = await stage.calm();
    const page = await stage.page(at, undefined, PLAIN);
    await page.goto('/console/messages');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/console/messages');
    const rows = page.locator('main tbody tr');
    assert.equal(await rows.count(), 50);
    const newest = await rows.first().innerHTML();
    await page.getByRole('link', { name: 'Older' }).click();
    assert.equal(await rows.count(), 5);
    assert.equal(await page.getByRole('link', { name: 'Older' }).count(), 0);
    await page.getByRole('link', { name: 'To the newest' }).click();
    assert.equal(await rows.first().innerHTML(), newest);

    await page.getByLabel('Person or message').fill('+1 650 555-1007');
    await page.getByLabel('State').selectOption({ label: 'delivered' });
    await page.getByRole('button', { name: 'Show' }).click();
    assert.equal(await rows.count(), 1);
    assert.match(await rows.innerText(), /16505551007/);
    await page.getByLabel('State').selectOption({ label: 'failed' });
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('No message fits').waitFor();
    await page.getByRole('link', { name: 'Clear' }).click();
    assert.equal(await rows.count(), 50);

    await page.goto('/console/contacts');
    assert.equal(await rows.count(), 50);
    await page.getByRole('link', { name: 'Next' }).click();
    assert.equal(await rows.count(), 10);
  },

  async 'a route is held and let go, and a list imported, without scripts'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await stage.page(at, owner, PLAIN);
    await page.goto('/console/outages');
    await page.getByLabel('Route').fill(at.route);
    await page.getByLabel('Why').fill('no script runs here');
    await page.getByRole('button', { name: 'Say so' }).click();
    await page.getByText(`Said about ${at.route}`).waitFor();
    const said = page.locator('.card', { hasText: 'no script runs here' });
    await said.getByLabel('Why').fill('it is over');
    await said.getByRole('button', { name: 'Let it go' }).click();
    await page.getByText('is left to the detector again').waitFor();

    await page.goto('/console/contacts/import');
    const buffer = Buffer.from('name,sms\nEve,+16505559999\n');
    const file = { name: 'list.csv', mimeType: 'text/csv', buffer };
    await page.getByLabel('CSV file').setInputFiles(file);
    await page.getByRole('button', { name: 'Import' }).click();
    const over = page.getByText('The list is imported.');
    const look = page.getByRole('link', { name: 'See how far it is' });
    while (!(await over.isVisible())) await look.click();
    await page.getByRole('link', { name: 'To the contacts' }).click();
    await page.getByRole('link', { name: 'Eve' }).waitFor();
  },
};
