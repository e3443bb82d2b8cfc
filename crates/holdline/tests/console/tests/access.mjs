// Who gets in: the set-up link, passwords, codes, slowed guesses, sessions, writes of other sites.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { PASSWORD, post, trySignIn } from '../people.mjs';
import { totpCode } from '../totp.mjs';

/** Failures that cost nothing, and those of one address. */
const FREE = 5;
const FREE_OF_ADDRESS = 20;

export const tests = {
  async 'the set-up link makes the first owner, once'(stage) {
    const { at } = await stage.fresh({ owner: false });
    const page = await stage.page(at);
    await page.goto(at.setupUrl);
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel(/^Password/).fill('too short');
    await page.getByRole('button', { name: 'Make me an owner' }).click();
    await page.getByRole('alert').getByText('12 characters').waitFor();
    await page.getByLabel(/^Password/).fill(PASSWORD);
    await page.getByRole('button', { name: 'Make me an owner' }).click();
    await page.getByRole('heading', { name: 'What happened' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/console/');
    assert.equal(await page.getByRole('link', { name: 'ada' }).count(), 1);

    const other = await stage.page(at);
    const again = await other.goto(at.setupUrl);
    assert.equal(again.status(), 410);
    await other.getByRole('heading', { name: 'The link is not good any more' }).waitFor();
    const token = new URL(at.setupUrl).searchParams.get('token');
    const second = await post(at, '/console/setup', { token, name: 'eve', password: PASSWORD });
    assert.equal(second.status, 410);
    assert.equal((await trySignIn(at, 'eve')).status, 401);
  },

  async 'a wrong password is refused, the right one leads to the page that was asked for'(stage) {
    const { at } = await stage.fresh();
    const page = await stage.page(at);
    await page.goto('/console/messages?state=failed');
    await page.waitForURL('**/console/sign-in?next=*');
    await fillIn(page, 'ada', 'not the password');
    await page.getByRole('alert').getByText('is not right').waitFor();
    assert.equal(await page.getByLabel('Password').inputValue(), '');
    await fillIn(page, 'ada', PASSWORD);
    await page.waitForURL('**/console/messages?state=failed');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL('**/console/sign-in');
    await page.goto('/console/');
    await page.waitForURL('**/console/sign-in?next=*');
  },

  async 'a code from the phone is set up, asked for, and good once'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await stage.page(at, owner);
    await page.goto('/console/account');
    const form = page.locator('form[action="/console/account/code"]');
    const secret = await form.locator('code').innerText();
    await form.getByLabel('Code').fill('000000');
    await form.getByLabel('Present password').fill(PASSWORD);
    await form.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('alert').getByText('does not fit').waitFor();
    const shown = await form.locator('code').innerText();
    assert.notEqual(shown, secret, 'a secret that was sent back is not used again');
    await form.getByLabel('Code').fill(totpCode(shown));
    await form.getByLabel('Present password').fill(PASSWORD);
    await form.getByRole('button', { name: 'Set up' }).click();
    await page.getByText('A code is asked for when you sign in').waitFor();

    const other = await stage.page(at);
    await other.goto('/console/sign-in');
    await fillIn(other, 'ada', PASSWORD);
    await other.getByRole('alert').waitFor();
    // The code of this step was taken; the next one is good already.
    const code = totpCode(shown, 1);
    await fillIn(other, 'ada', PASSWORD, code);
    await other.getByRole('heading', { name: 'What happened' }).waitFor();
    assert.equal((await trySignIn(at, 'ada', { code })).status, 401, 'a code is good once');
  },

  async 'who fails again and again has to wait, and nobody else'(stage) {
    const { at } = await stage.fresh();
    for (let n = 0; n < FREE; n += 1) {
      assert.equal((await trySignIn(at, 'ada', { password: `guess ${n}` })).status, 401);
    }
    const page = await stage.page(at);
    await page.goto('/console/sign-in');
    const answer = page.waitForResponse((it) => it.request().method() === 'POST');
    await fillIn(page, 'ada', PASSWORD);
    assert.equal((await answer).status(), 429);
    await page.getByRole('alert').getByText(/Too many tries\. Wait \d+ s/).waitFor();
    assert.equal((await trySignIn(at, 'bob')).status, 401, 'another name goes on');
  },

  async 'an address from which many sign in rightly is not slowed'(stage) {
    const { at } = await stage.fresh();
    const found = new Set();
    for (let n = 0; n < FREE_OF_ADDRESS + 5; n += 1) {
      found.add((await trySignIn(at, 'ada')).status);
    }
    assert.deepEqual([...found], [303]);
  },

  async 'signing out everywhere else ends the other sessions, and their open pages'(stage) {
    const { at, owner } = await stage.fresh();
    const other = await stage.page(at);
    await other.goto('/console/sign-in');
    await fillIn(other, 'ada', PASSWORD);
    await other.getByRole('heading', { name: 'What happened' }).waitFor();
    const page = await stage.page(at, owner);
    await page.goto('/console/account');
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
    await page.getByText('this browser').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Sign out everywhere else' }).count(), 0);
    await other.waitForURL('**/console/sign-in?next=*', { timeout: 40_000 });
  },

  async 'a write that another site makes is refused'(stage) {
    const { at, owner } = await stage.fresh();
    const given = { route: at.route, kind: 'hold', reason: 'from elsewhere', for: '10m' };
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site };
      const answer = await post(at, '/console/outages/hold', given, { cookie: owner, headers });
      assert.equal(answer.status, 403, site);
    }
    // Another site for a browser: the same server by another name.
    const evil = createServer((_, answer) => {
      answer.setHeader('content-type', 'text/html');
      const fields = Object.entries(given).map(([k, v]) => `<input name="${k}" value="${v}">`);
      const action = `${at.url}/console/outages/hold`;
      answer.end(`<form method="post" action="${action}">${fields.join('')}<button>Go</button>`);
    }).listen(0, '127.0.0.1');
    await once(evil, 'listening');
    try {
      const page = await stage.page(at, owner);
      await page.goto(`http://localhost:${evil.address().port}/`);
      const refused = page.waitForResponse((it) => it.request().method() === 'POST');
      await page.getByRole('button').click();
      assert.equal((await refused).status(), 403);
      await page.getByText('This was sent from another site').waitFor();
      await page.goto('/console/outages');
      await page.getByText('Nothing: the detectors decide everything').waitFor();
    } finally {
      evil.close();
    }
  },
};

async function fillIn(page, name, password, code = '') {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel(/^Code/).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
