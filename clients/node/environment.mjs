// Where the suite finds the system under test, and people to write to. Reads the environment.

import { setTimeout as pause } from 'node:timers/promises';

const WAIT_MS_MAX = 20_000;
// Messages sent together to test a route that comes back.
const TESTED_AT_ONCE = 5;

export function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; start the suites with clients/run.sh`);
  return value;
}

export const url = need('HOLDLINE_URL').replace(/\/$/, '');
export const token = need('HOLDLINE_TOKEN');
export const phoneId = need('PHONE_ID');
export const appId = need('APP_ID');
export const appSecret = need('APP_SECRET');
export const verifyToken = need('VERIFY_TOKEN');
const controlUrl = need('CONTROL_URL').replace(/\/$/, '');

/** The first true value of `probe()`; throws, naming `what`, when none comes in time. */
export async function waitFor(what, probe, limitMs = WAIT_MS_MAX) {
  const deadline = Date.now() + limitMs;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await pause(pauseMs);
  }
}

let people = 0;

/** Somebody with a phone that no other test uses. */
export class Person {
  constructor() {
    people += 1;
    const run = String(process.pid % 1000).padStart(3, '0');
    this.address = `1651${run}${String(people).padStart(4, '0')}`;
    this.page = `${controlUrl}/control/people/${this.address}`;
  }

  async received() {
    const answer = await fetch(this.page);
    if (answer.status === 404) return [];
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return (await answer.json()).received;
  }

  /** What reached the person: exactly one message; `raw` is what the provider was sent. */
  async only() {
    const received = await waitFor(`a message at ${this.address}`, async () => {
      const now = await this.received();
      return now.length > 0 && now;
    });
    if (received.length !== 1) throw new Error(`${received.length} messages instead of one`);
    return received[0];
  }

  async write(text) {
    const answer = await fetch(`${this.page}/send`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ channel: 'whatsapp', text }),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
}

/** Makes `callbackUrl` the callback of the app, as a developer does once. */
export async function register(callbackUrl) {
  const login = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: appId,
    client_secret: appSecret,
  });
  const grant = await fetch(`${url}/oauth/access_token?${login}`);
  if (grant.status !== 200) throw new Error(`${grant.status} ${await grant.text()}`);
  const answer = await fetch(`${url}/v23.0/${appId}/subscriptions`, {
    method: 'POST',
    body: new URLSearchParams({
      object: 'whatsapp_business_account',
      callback_url: callbackUrl,
      verify_token: verifyToken,
      fields: 'messages',
      access_token: (await grant.json()).access_token,
    }),
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
}

/** Runs `during` while WhatsApp answers everything with a server error; then goes the way back to
 *  its end with messages to people of its own, so that the next test finds WhatsApp in use. */
export async function withWhatsappBroken(during) {
  const outages = `${controlUrl}/control/outages`;
  const order = JSON.stringify({ profile: 'server_errors' });
  const started = await fetch(outages, { method: 'POST', body: order });
  if (started.status !== 201) throw new Error(`${started.status} ${await started.text()}`);
  try {
    await during();
  } finally {
    const ended = await fetch(outages, { method: 'DELETE' });
    if (!ended.ok) throw new Error(`${ended.status} ${await ended.text()}`);
  }
  await waitFor('WhatsApp in use again', testedUntilUp);
}

/** True when the route is up; else a few more messages have been sent and have arrived: the test
 *  that ends an outage wants some twenty that work. */
async function testedUntilUp() {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const routes = await (await fetch(`${url}/api/v1/routes`, { headers })).json();
  if (routes.data.some((r) => r.channel === 'whatsapp' && r.health === 'up')) return true;
  const asked = Array.from({ length: TESTED_AT_ONCE }, () => new Person());
  for (const person of asked) {
    const message = { messaging_product: 'whatsapp', to: person.address, type: 'text' };
    const body = JSON.stringify({ ...message, text: { body: 'Are you there?' } });
    const sent = await fetch(`${url}/v23.0/${phoneId}/messages`, { method: 'POST', headers, body });
    if (!sent.ok) throw new Error(`${sent.status} ${await sent.text()}`);
  }
  for (const person of asked) await person.only();
  return false;
}
