// Who gets in: the set-up link, passwords, codes, slowed guesses, sessions, writes of other sites.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { PASSWORD, post, signedIn, trySignIn } from '../people.mjs';
import { totpCode } from '../totp.mjs';
import { waitFor } from '../wait.mjs';

/** Failures that cost nothing, and those of one address. */
const FREE = 5;
const FREE_OF_ADDRESS = 20;
/** A stream looks every 15 s whether its session is still good. */
const ENDED_MS_MAX = 40_000;
const LIST_BYTES = 5 * 1024 * 1024;

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
    await form.getByRole('textbox', { name: 'Code' }).fill('000000');
    await form.getByLabel('Present password').fill(PASSWORD);
    await form.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('alert').getByText('does not fit').waitFor();
    const shown = await form.locator('code').innerText();
    assert.notEqual(shown, secret, 'a secret that was sent back is not used again');
    await form.getByRole('textbox', { name: 'Code' }).fill(totpCode(shown));
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
    const refused = async (n) => (await trySignIn(at, 'ada', { password: `guess ${n}` })).status;
    for (let n = 0; n < FREE; n += 1) assert.equal(await refused(n), 401);
    assert.equal(await refused(FREE), 429);
    // Each further failure has to be waited for; three make the wait as long as 8 s.
    for (let n = 0; n < 3; n += 1) {
      await waitFor('the next try', async () => (await refused(n)) === 401);
    }
    const page = await stage.page(at);
    await page.goto('/console/sign-in');
    const answer = page.waitForResponse((it) => it.request().method() === 'POST');
    await fillIn(page, 'ada', PASSWORD);
    assert.equal((await answer).status(), 429);
    await page.getByRole('alert').getByText(/Too many tries\. Wait \d s/).waitFor();
    assert.ok((await answer).headers()['retry-after'], 'it says when to come back');
    assert.equal((await trySignIn(at, 'bob')).status, 401, 'another name goes on');
    const letIn = async () => (await trySignIn(at, 'ada')).status === 303;
    await waitFor('the right person to be let in', letIn);
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
    const other = await stage.page(at, await signedIn(at, 'ada'));
    await other.goto('/console/messages?state=failed');
    await endOthers(await stage.page(at, owner));
    await other.waitForURL('**/console/sign-in?next=*', { timeout: ENDED_MS_MAX });
    assert.equal(nextOf(other), '/console/messages?state=failed');
  },

  async 'a part of a page that is fetched after the end leads to the sign-in and back'(stage) {
    const { at, app, owner } = await stage.fresh();
    const page = await opened(stage, at, '/console/outages');
    await endOthers(await stage.page(at, owner));
    await app.hold('something happens');
    await page.waitForURL('**/console/sign-in?next=*');
    assert.equal(nextOf(page), '/console/outages', 'not the part that was fetched');
    await fillIn(page, 'ada', PASSWORD);
    await page.waitForURL('**/console/outages');
  },

  async 'a form that is sent after the end leads to the sign-in, and then to a page'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await opened(stage, at, '/console/outages');
    await page.getByLabel('Route').fill(at.route);
    await page.getByLabel('Why').fill('too late');
    await endOthers(await stage.page(at, owner));
    await page.getByRole('button', { name: 'Say so' }).click();
    await page.waitForURL('**/console/sign-in?next=*');
    const answer = page.waitForNavigation();
    await fillIn(page, 'ada', PASSWORD);
    assert.equal((await answer).status(), 200, 'a page is shown');
    await page.getByRole('navigation', { name: 'Pages', exact: true }).waitFor();
  },

  async 'a list that is sent after the end leads to the sign-in'(stage) {
    const { at, owner } = await stage.fresh();
    const page = await opened(stage, at, '/console/contacts/import');
    const buffer = Buffer.alloc(LIST_BYTES, '+16505551000\n');
    const file = { name: 'list.csv', mimeType: 'text/csv', buffer };
    await page.getByLabel('CSV file').setInputFiles(file);
    await endOthers(await stage.page(at, owner));
    await page.getByRole('button', { name: 'Import' }).click();
    await page.waitForURL('**/console/sign-in?next=*');
    assert.equal(nextOf(page), '/console/contacts/import');
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

/** A page of somebody whose session is about to end; it follows already. */
async function opened(stage, at, path) {
  const page = await stage.page(at, await signedIn(at, 'ada'));
  const following = page.waitForResponse('**/console/live*');
  await page.goto(path);
  await following;
  return page;
}

/** Signs out every other browser, from the page of the account. */
async function endOthers(page) {
  await page.goto('/console/account');
  await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
  const button = page.getByRole('button', { name: 'Sign out everywhere else' });
  await button.waitFor({ state: 'detached' });
  await page.getByText('this browser').waitFor();
}

function nextOf(page) {
  return new URL(page.url()).searchParams.get('next');
}

async function fillIn(page, name, password, code = '') {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel(/^Code/).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
