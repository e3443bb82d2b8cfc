// The official Node SDK (whatsapp@0.0.5-Alpha) with only its host changed: what it can send, and
// its webhook receiver. See preload.cjs for how its fixed port and its receiver are met.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as stand from './environment.mjs';

const HOST = process.env.HOLDLINE_TLS_HOSTS.split(',')[0];
const events = [];
let WhatsApp;
let sdk;

before(async () => {
  const port = await freePort();
  configure(HOST, port);
  ({ default: WhatsApp } = await import('whatsapp'));
  sdk = new WhatsApp(Number(stand.phoneId));
  sdk.webhooks.start((status, headers, body, response, fault) => {
    if (fault) throw fault;
    events.push(body);
    response.writeHead(200);
    response.end();
  });
  await stand.register(`http://127.0.0.1:${port}/hook`);
});

after(() => {
  sdk.webhooks.stop(() => {});
  sdk.requester.client.clearSockets();
});

function configure(host, port) {
  Object.assign(process.env, {
    NODE_ENV: 'production',
    WA_BASE_URL: host,
    M4D_APP_ID: stand.appId,
    M4D_APP_SECRET: stand.appSecret,
    CLOUD_API_VERSION: 'v16.0',
    CLOUD_API_ACCESS_TOKEN: stand.token,
    WEBHOOK_ENDPOINT: 'hook',
    WEBHOOK_VERIFICATION_TOKEN: stand.verifyToken,
    LISTENER_PORT: String(port),
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The id of an accepted message; the answer must be as the SDK's users read it. */
async function idOf(sending) {
  const response = await sending;
  const body = await response.responseBodyToJSON();
  assert.equal(response.statusCode(), 200, JSON.stringify(body));
  assert.equal(body.messaging_product, 'whatsapp');
  assert.match(body.messages[0].id, /^wamid\./);
  return body.messages[0].id;
}

function values() {
  return events.map((event) => event.entry[0].changes[0].value);
}

function delivered(id) {
  const isIt = (status) => status.id === id && status.status === 'delivered';
  return stand.waitFor(`the delivered status of ${id}`, () =>
    values().flatMap((value) => value.statuses ?? []).find(isIt),
  );
}

test('a text is delivered and its status reaches the receiver', async () => {
  const person = new stand.Person();
  const id = await idOf(sdk.messages.text({ body: 'Grüße 👋' }, Number(person.address)));
  assert.equal((await person.only()).raw.text.body, 'Grüße 👋');
  assert.equal((await delivered(id)).recipient_id, person.address);
});

test('with WhatsApp broken a text arrives by SMS and counts as delivered', async () => {
  const person = new stand.Person();
  await stand.withWhatsappBroken(async () => {
    const sending = sdk.messages.text({ body: 'Your parcel is here' }, Number(person.address));
    const id = await idOf(sending);
    const received = await person.only();
    assert.equal(received.channel, 'sms');
    assert.match(received.text, /Your parcel is here/);
    assert.equal((await delivered(id)).recipient_id, person.address);
  });
  assert.equal((await person.received()).length, 1, 'it came once more');
});

test('an inbound text reaches the receiver and is marked read', async () => {
  const person = new stand.Person();
  await person.write('Quelqu’un ? 👋');
  const inbound = await stand.waitFor('the inbound text', () =>
    values().find((v) => v.messages?.[0].from === person.address),
  );
  assert.equal(inbound.messages[0].text.body, 'Quelqu’un ? 👋');
  const read = await sdk.messages.status({ status: 'read', message_id: inbound.messages[0].id });
  assert.deepEqual(await read.responseBodyToJSON(), { success: true });
});

test('a template is delivered', async () => {
  const person = new stand.Person();
  const template = { name: 'hello_world', language: { policy: 'deterministic', code: 'en_US' } };
  await idOf(sdk.messages.template(template, Number(person.address)));
  assert.equal((await person.only()).raw.template.name, 'hello_world');
});

test('an image by link is delivered', async () => {
  const person = new stand.Person();
  const image = { link: 'https://shop.example/picture.png', caption: 'Look' };
  await idOf(sdk.messages.image(image, Number(person.address)));
  assert.equal((await person.only()).raw.image.link, image.link);
});

test('buttons are delivered', async () => {
  const person = new stand.Person();
  const interactive = {
    type: 'button',
    body: { text: 'Shall we?' },
    action: { buttons: [{ type: 'reply', reply: { id: 'yes', title: 'Yes' } }] },
  };
  await idOf(sdk.messages.interactive(interactive, Number(person.address)));
  assert.equal((await person.only()).raw.interactive.action.buttons[0].reply.title, 'Yes');
});

test('an upload is sent by id', async () => {
  // The SDK has no call for media; its users upload with an HTTP client, as here.
  const person = new stand.Person();
  const form = new FormData();
  form.append('messaging_product', 'whatsapp');
  form.append('type', 'text/plain');
  form.append('file', new Blob(['one line\n'], { type: 'text/plain' }), 'note.txt');
  const upload = await fetch(`${stand.url}/v16.0/${stand.phoneId}/media`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stand.token}` },
    body: form,
  });
  assert.equal(upload.status, 200);
  const { id } = await upload.json();
  await idOf(sdk.messages.document({ id, filename: 'note.txt' }, Number(person.address)));
  assert.equal((await person.only()).raw.document.filename, 'note.txt');
});

test('a wrong token is refused in the shape the SDK reads', async () => {
  const stranger = new WhatsApp(Number(stand.phoneId));
  const person = new stand.Person();
  stranger.requester.accessToken = 'not-a-token';
  const response = await stranger.messages.text({ body: 'let me in' }, Number(person.address));
  assert.equal(response.statusCode(), 401);
  assert.equal((await response.responseBodyToJSON()).error.code, 190);
  stranger.requester.client.clearSockets();
});

test('the name graph.facebook.com, moved by DNS alone, is served too', async () => {
  configure('graph.facebook.com', 1);
  const moved = new WhatsApp(Number(stand.phoneId));
  const person = new stand.Person();
  await idOf(moved.messages.text({ body: 'moved' }, Number(person.address)));
  assert.equal((await person.only()).raw.text.body, 'moved');
  moved.requester.client.clearSockets();
});

test('the receiver as published throws on a signed post, so the mend is needed', async () => {
  const port = await freePort();
  const program = fileURLToPath(new URL('./unmended.mjs', import.meta.url));
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, NODE_OPTIONS: '', LISTENER_PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (text) => (complaint += text));
  const ended = once(child, 'exit');
  const body = '{"object":"whatsapp_business_account","entry":[]}';
  const signature = createHmac('sha256', stand.appSecret).update(body).digest('hex');
  await stand.waitFor('the receiver to be asked', () => post(port, body, signature));
  assert.notEqual((await ended)[0], 0);
  assert.match(complaint, /ERR_INVALID_ARG_TYPE/);
});

/** True once the receiver was reached: it answers nothing, it breaks the connection. */
async function post(port, body, signature) {
  try {
    await fetch(`http://127.0.0.1:${port}/hook`, {
      method: 'POST',
      headers: { 'x-hub-signature-256': `sha256=${signature}` },
      body,
    });
    return true;
  } catch (fault) {
    return fault.cause?.code !== 'ECONNREFUSED';
  }
}
