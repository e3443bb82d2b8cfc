// What operators say of a route.

import assert from 'node:assert/strict';
import { numberOf } from '../app.mjs';

export const tests = {
  async 'a route is held with a reason, seen everywhere, and let go'(stage) {
    const { at, app, owner } = await stage.fresh();
    const context = await stage.context(at, owner);
    const overview = await context.newPage();
    await overview.goto('/console/');
    const page = await context.newPage();
    await page.goto('/console/outages');
    await page.getByText('Nothing: the detectors decide everything').waitFor();
    await page.getByLabel('Route').fill(at.route);
    await page.getByLabel('What to do').selectOption('hold');
    await page.getByLabel('Why').fill('a number moves house');
    await page.getByLabel('For how long').fill('15m');
    await page.getByRole('button', { name: 'Say so' }).click();
    await page.getByRole('status').getByText(`Said about ${at.route}`).waitFor();
    const said = page.locator('#holds .card');
    assert.match(await said.innerText(), /hold whatsapp\/\d+\/all: a number moves house/);
    assert.match(await said.innerText(), /console\/ada said so .*; it ends /);

    // The overview was open meanwhile.
    const card = overview.locator('.cards article', { hasText: 'WhatsApp' });
    await card.getByText('hold: a number moves house (until').waitFor();
    const log = overview.locator('ol.log li');
    await log.filter({ hasText: 'console/ada said' }).getByText('a number moves house').waitFor();
    await app.send(numberOf(0));
    const totals = overview.locator('main');
    await totals.getByText(/Messages: 1 wait,.*the oldest has waited/).waitFor();

    await said.getByLabel('Why').fill('the number has moved');
    await said.getByRole('button', { name: 'Let it go' }).click();
    await page.getByText('is left to the detector again').waitFor();
    await page.getByText('Nothing: the detectors decide everything').waitFor();
    await log.filter({ hasText: 'let it go: the number has moved' }).waitFor();
    await totals.getByText('Messages: 0 wait').waitFor();

    await page.goto('/console/audit');
    const rows = await page.locator('tbody tr').allInnerTexts();
    assert.ok(rows.some((row) => /console\/ada[\s\S]*route\.release/.test(row)), rows.join('\n'));
    assert.ok(rows.some((row) => /console\/ada[\s\S]*route\.hold/.test(row)), rows.join('\n'));
  },

  async 'a held route says that its messages wait, and how many'(stage) {
    const { at, app, owner } = await stage.fresh();
    await app.hold('a number moves house');
    await app.send(numberOf(0));
    const page = await stage.page(at, owner);
    await page.goto('/console/');
    const headline = page.locator('p.headline').first();
    assert.doesNotMatch(await headline.innerText(), /every channel works/);
    const card = page.locator('.cards article', { hasText: 'WhatsApp' });
    await card.getByText('Oldest waiting').waitFor();
    assert.match(await card.innerText(), /Waiting\s+1/);
  },

  async 'what cannot be held is refused with what to do instead'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await stage.page(at, owner);
    const hold = async (route, reason, span) => {
      await page.goto('/console/outages');
      await page.getByLabel('Route').fill(route);
      await page.getByLabel('Why').fill(reason);
      await page.getByLabel('For how long').fill(span);
      await page.getByRole('button', { name: 'Say so' }).click();
      return page.getByRole('alert').innerText();
    };
    assert.match(await hold('pigeon/1/all', 'it flies no more', '15m'), /Not done: route /);
    assert.match(await hold(at.route, 'it flies no more', '8d'), /give 1s to 7d/);
    assert.match(await hold(at.route, '   x   ', '15m'), /say in a few words why/);
    assert.equal(await page.locator('#holds .card').count(), 0);
  },

  async 'a sender is tested with a message that is followed'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await stage.page(at, owner);
    await page.goto('/console/settings');
    const row = page.locator('main tr', { has: page.getByRole('rowheader', { name: 'SMS' }) });
    await row.getByRole('textbox').fill('12');
    await row.getByRole('button', { name: 'Send a test' }).click();
    await page.getByRole('alert').getByText('The address').waitFor();
    await row.getByRole('textbox').fill(numberOf(7));
    await row.getByRole('button', { name: 'Send a test' }).click();
    await page.waitForURL('**/console/messages/*');
    await page.locator('#message .state').getByText('delivered').waitFor();
    assert.match(await page.locator('#message dl').innerText(), /SMS from/);
  },

  async 'a message that waits is cancelled with a reason, and sent anew'(stage) {
    const { at, app, owner } = await stage.fresh();
    await app.hold('nothing leaves for the moment');
    const id = await app.send(numberOf(3));
    const page = await stage.page(at, owner);
    await page.goto(`/console/messages/${encodeURIComponent(id)}`);
    const form = page.locator('form', { has: page.getByRole('button', { name: 'Cancel' }) });
    await form.getByLabel('Why').fill('sent by mistake');
    await form.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('It is cancelled: nothing more leaves.').waitFor();
    await page.locator('#message .state').getByText('cancelled').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Cancel' }).count(), 0);

    await app.release('it leaves again');
    const again = page.locator('form', { has: page.getByRole('button', { name: 'Send it anew' }) });
    await again.getByLabel('Why').fill('it was no mistake');
    await again.getByRole('button').click();
    await page.getByText('This is the same message, sent anew.').waitFor();
    await page.locator('#message .state').getByText('delivered').waitFor();
  },

  async 'a message that waits is sent by another channel'(stage) {
    const { at, app, owner } = await stage.fresh();
    await app.hold('nothing leaves for the moment');
    const id = await app.send(numberOf(4));
    const page = await stage.page(at, owner);
    await page.goto(`/console/messages/${encodeURIComponent(id)}`);
    const form = page.locator('form', { has: page.getByRole('button', { name: 'Send by it' }) });
    await form.getByLabel('By another channel').selectOption('sms');
    await form.getByLabel('Why').fill('it is urgent');
    await form.getByRole('button', { name: 'Send by it' }).click();
    await page.getByText('It goes by the other channel.').waitFor();
    await page.locator('#message .state').getByText('delivered').waitFor();
    await page.getByText('an operator wants it sent by this hop').waitFor();
  },
};
