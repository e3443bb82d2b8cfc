// Two installations that several tests look at and none changes: one where all is well, one where
// WhatsApp is down. Each has people, messages and one page of every kind.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { App, numberOf, peopleCsv } from './app.mjs';
import { firstOwner, personWith } from './people.mjs';
import { Installation } from './server.mjs';
import { waitFor } from './wait.mjs';

const MESSAGES = 55;
const BAD_LINE = 'Nobody,12,,no mailbox,given\n';

/** All is well: a message of every page that there is. */
export async function calm() {
  return begun(async (scene) => {
    const { app, at } = scene;
    for (let n = 0; n < MESSAGES; n += 1) await app.send(numberOf(n));
    const delivered = async () => (await app.messages('?state=delivered&limit=500')).length;
    await waitFor('every message to be delivered', async () => (await delivered()) === MESSAGES);
    scene.hook = createServer((_, answer) => answer.end()).listen(0, '127.0.0.1');
    await once(scene.hook, 'listening');
    const hook = await app.webhook(`http://127.0.0.1:${scene.hook.address().port}/hook`);
    const message = await waitFor('a message that was read', async () =>
      (await app.messages('?limit=500')).find((it) => it.progress === 'read'));
    const contact = await app.contact(numberOf(0));
    const report = await imported(scene, peopleCsv(3) + BAD_LINE);
    scene.people = { ada: scene.owner };
    for (const role of ['operator', 'agent', 'auditor']) {
      scene.people[role] = await personWith(at, scene.owner, role);
    }
    scene.message = message.id;
    scene.pages = [
      ['overview', '/console/'],
      ['messages', '/console/messages'],
      ['message', `/console/messages/${message.id}`],
      ['messages-none', '/console/messages?state=failed'],
      ['messages-fault', '/console/messages?since=yesterday'],
      ['outages', '/console/outages'],
      ['contacts', '/console/contacts'],
      ['contact', `/console/contacts/${contact.id}`],
      ['import', '/console/contacts/import'],
      ['import-report', report],
      ['settings', '/console/settings'],
      ['webhook', `/console/settings/webhooks/${hook.id}`],
      ['users', '/console/users'],
      ['audit', '/console/audit'],
      ['account', '/console/account'],
      ['sandbox', '/console/sandbox'],
      ['unknown', '/console/nowhere'],
    ].map(([name, path]) => ({ name, path, cookie: scene.owner }));
    scene.pages.push(
      { name: 'sign-in', path: '/console/sign-in' },
      { name: 'setup-used', path: '/console/setup?token=used' },
      { name: 'not-for-role', path: '/console/audit', cookie: scene.people.agent },
    );
  });
}

/** WhatsApp is down; a message sent since has gone by SMS. */
export async function broken() {
  return begun(async (scene) => {
    const { app, owner } = scene;
    await app.breakUntilDown();
    const sent = await app.send(numberOf(0));
    const moved = async () => {
      const message = await app.message(sent);
      return message.channel === 'sms' && message.state === 'delivered' && message;
    };
    scene.message = (await waitFor('the message to arrive by SMS', moved)).id;
    const [outage] = await app.outages();
    await app.hold('the carrier works until three', 'email/*/all');
    scene.pages = [
      ['overview', '/console/'],
      ['messages', '/console/messages'],
      ['message', `/console/messages/${scene.message}`],
      ['outages', '/console/outages'],
      ['outage', `/console/outages/${outage.id}`],
      ['settings', '/console/settings'],
      ['sandbox', '/console/sandbox'],
    ].map(([name, path]) => ({ name: `down-${name}`, path, cookie: owner }));
  });
}

async function begun(fill) {
  const at = await Installation.start();
  const scene = { at, app: new App(at) };
  scene.end = async () => {
    scene.hook?.close();
    await at.end();
  };
  try {
    scene.owner = await firstOwner(at);
    await scene.app.importCsv(peopleCsv());
    await fill(scene);
  } catch (fault) {
    const words = at.server.words();
    await scene.end();
    throw new Error(`${fault.stack}\n${words}`);
  }
  return scene;
}

/** The page that reports a list imported by the form. */
async function imported({ at, owner }, csv) {
  const form = new FormData();
  form.append('list', new Blob([csv], { type: 'text/csv' }), 'list.csv');
  const headers = { cookie: `${owner.name}=${owner.value}` };
  const url = `${at.url}/console/contacts/import`;
  const sent = await fetch(url, { method: 'POST', redirect: 'manual', headers, body: form });
  const path = sent.headers.get('location');
  const isOver = async () => {
    const page = await fetch(at.url + path, { headers });
    return (await page.text()).includes('The list is imported');
  };
  await waitFor('the list to be imported', isOver);
  return path;
}

