// What an app, an operator with a token and the sandbox's control do: over HTTP, without a browser.

import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from './wait.mjs';

const DOWN_MS_MAX = 60_000;
const PEOPLE = 60;

export class App {
  constructor(installation) {
    this.at = installation;
  }

  /** Sends a text by the front door; gives its wamid. */
  async send(to, { priority = 'urgent', text = 'Your parcel is here' } = {}) {
    const message = { messaging_product: 'whatsapp', to, type: 'text', text: { body: text } };
    const given = { headers: { 'holdline-priority': priority } };
    const url = `/v23.0/${this.at.phoneId}/messages`;
    return (await this.#call('POST', url, message, given)).messages[0].id;
  }

  /** What is known of a message. */
  message(id) {
    return this.#call('GET', `/api/v1/messages/${encodeURIComponent(id)}`);
  }

  async messages(query) {
    return (await this.#call('GET', `/api/v1/messages${query}`)).data;
  }

  async contact(number) {
    const query = new URLSearchParams({ channel: 'whatsapp', address: number });
    return (await this.#call('GET', `/api/v1/contacts?${query}`)).data[0];
  }

  async outages() {
    return (await this.#call('GET', '/api/v1/outages')).data;
  }

  webhook(url) {
    return this.#call('POST', '/api/v1/webhooks', { url });
  }

  async whatsapp() {
    const { data } = await this.#call('GET', '/api/v1/routes');
    return data.find((route) => route.channel === 'whatsapp');
  }

  hold(reason, route = this.at.route) {
    return this.#call('POST', '/api/v1/routes/hold', { route, kind: 'hold', reason, for: '10m' });
  }

  release(reason, route = this.at.route) {
    return this.#call('POST', '/api/v1/routes/release', { route, reason });
  }

  importCsv(csv) {
    const given = { headers: { 'content-type': 'text/csv' } };
    return this.#call('POST', '/api/v1/contacts/import', csv, given);
  }

  /** Switches an outage profile on, for WhatsApp. */
  break(profile = 'server_errors') {
    return this.#control('POST', '/control/outages', { profile });
  }

  mend() {
    return this.#control('DELETE', '/control/outages');
  }

  /** Messages to everybody in turn until `stop()` is called, which gives how many were sent. */
  flow(everyMs = 40) {
    let stopped = false;
    const done = (async () => {
      let sent = 0;
      for (; !stopped; sent += 1) {
        await this.send(numberOf(sent % PEOPLE));
        await pause(everyMs);
      }
      return sent;
    })();
    // A fault is told to whoever stops it.
    done.catch(() => {});
    return {
      stop: () => {
        stopped = true;
        return done;
      },
    };
  }

  /** Breaks WhatsApp while messages flow, until the verdict is there. */
  async breakUntilDown() {
    const flow = this.flow();
    try {
      await this.break();
      const isDown = async () => (await this.whatsapp()).health === 'down';
      await waitFor('WhatsApp to be down', isDown, DOWN_MS_MAX);
    } finally {
      await flow.stop();
    }
  }

  async #call(method, path, body, { headers = {} } = {}) {
    const json = typeof body === 'object';
    const type = json ? { 'content-type': 'application/json' } : {};
    const answer = await fetch(this.at.url + path, {
      method,
      headers: { authorization: `Bearer ${this.at.token}`, ...type, ...headers },
      body: json ? JSON.stringify(body) : body,
    });
    return read(answer);
  }

  async #control(method, path, body) {
    const given = { method, body: body && JSON.stringify(body) };
    return read(await fetch(this.at.control + path, given));
  }
}

/** The number of one of the people that tests write to. */
export function numberOf(person) {
  return `+1650555${String(1_000 + person)}`;
}

/** A list of people as the demo has them: each with a number for both, and a mailbox. */
export function peopleCsv(count = PEOPLE) {
  const row = (n) => `Person ${n},${numberOf(n)},${numberOf(n)},person${n}@example.com,given`;
  const rows = Array.from({ length: count }, (_, n) => row(n));
  return ['name,whatsapp,sms,email,sms_consent', ...rows, ''].join('\n');
}

async function read(answer) {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${answer.url}: ${text}`);
  return text ? JSON.parse(text) : null;
}
