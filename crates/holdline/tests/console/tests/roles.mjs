// A role decides what somebody sees and may do.

import assert from 'node:assert/strict';
import { post } from '../people.mjs';

/** What every form of the console that does something is sent. */
function deeds(scene) {
  const { at, message } = scene;
  const hook = scene.pages.find((it) => it.name === 'webhook').path;
  const reason = 'for the test';
  return [
    // Without a reason it is not done, so the scene stays as it is.
    [`/console/messages/${message}/act`, { what: 'cancel', reason: '' }],
    ['/console/outages/hold', { route: at.route, kind: 'down', reason, for: '10m' }],
    ['/console/outages/release', { route: at.route, reason }],
    ['/console/settings/test', { channel: 'sms', sender: at.sandbox.sms_from, to: '+16505551000' }],
    [`${hook}/replay`, { event: 'shown' }],
    ['/console/sandbox/break', { profile: 'server_errors' }],
    ['/console/sandbox/mend', {}],
    ['/console/users', { name: 'eve', password: 'a long enough one', role: 'owner' }],
    ['/console/users/change', { name: 'auditor', what: 'role', role: 'owner' }],
  ];
}

export const tests = {
  async 'an auditor reads all and acts on nothing'(stage) {
    const scene = await stage.calm();
    const page = await stage.page(scene.at, scene.people.auditor);
    const closed = ['users', 'import', 'import-report', 'account', 'sign-in', 'setup-used'];
    const open = scene.pages.filter(({ name }) => ![...closed, 'not-for-role'].includes(name));
    for (const { name, path } of open) {
      const answer = await page.goto(path);
      assert.equal(answer.status(), name === 'unknown' ? 404 : 200, name);
      assert.equal(await page.locator('main form[method=post]').count(), 0, name);
      assert.equal(await page.locator('main button.danger').count(), 0, name);
    }
    for (const path of ['/console/users', '/console/contacts/import']) {
      assert.equal((await page.goto(path)).status(), 403, path);
    }
    for (const [path, fields] of deeds(scene)) {
      const answer = await post(scene.at, path, fields, { cookie: scene.people.auditor });
      assert.equal(answer.status, 403, path);
    }
    const { name, value } = scene.people.auditor;
    const type = { 'content-type': 'multipart/form-data; boundary=x' };
    const sent = await fetch(`${scene.at.url}/console/contacts/import`, {
      method: 'POST',
      headers: { cookie: `${name}=${value}`, ...type },
      body: '--x\r\ncontent-disposition: form-data; name="list"\r\n\r\nname,sms\r\n--x--\r\n',
    });
    assert.equal(sent.status, 403, 'the import');
  },

  async 'an agent acts on messages and on nothing else'(stage) {
    const scene = await stage.calm();
    const cookie = scene.people.agent;
    for (const [path, fields] of deeds(scene)) {
      const answer = await post(scene.at, path, fields, { cookie });
      assert.equal(answer.status, path.endsWith('/act') ? 303 : 403, path);
    }
    const page = await stage.page(scene.at, cookie);
    for (const path of ['/console/users', '/console/audit']) {
      const answer = await page.goto(path);
      assert.equal(answer.status(), 403, path);
      await page.getByText('Your role here is agent').waitFor();
    }
  },

  async 'an operator does all but see to people and read the audit'(stage) {
    const scene = await stage.calm();
    const page = await stage.page(scene.at, scene.people.operator);
    await page.goto('/console/outages');
    await page.getByRole('button', { name: 'Say so' }).waitFor();
    await page.goto('/console/settings');
    assert.equal(await page.getByRole('link', { name: 'People who may sign in' }).count(), 0);
    assert.equal(await page.getByRole('link', { name: 'What people did' }).count(), 0);
    for (const path of ['/console/users', '/console/audit']) {
      assert.equal((await page.goto(path)).status(), 403, path);
    }
  },

  async 'without a session every page leads to the sign-in'(stage) {
    const scene = await stage.calm();
    const open = ['sign-in', 'setup-used'];
    for (const { name, path } of scene.pages.filter((it) => !open.includes(it.name))) {
      const answer = await fetch(scene.at.url + path, { redirect: 'manual' });
      assert.equal(answer.status, 303, name);
      const next = encodeURIComponent(path).replaceAll('*', '%2A');
      assert.equal(answer.headers.get('location'), `/console/sign-in?next=${next}`, name);
    }
    for (const [path, fields] of deeds(scene)) {
      const answer = await post(scene.at, path, fields);
      assert.match(answer.headers.get('location') ?? '', /^\/console\/sign-in/, path);
    }
  },
};
