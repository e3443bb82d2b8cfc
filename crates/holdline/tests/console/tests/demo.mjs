// `holdline demo --keep`: whoever has seen the demo goes on in the console.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PASSWORD } from '../people.mjs';
import { Program } from '../program.mjs';
import { waitFor } from '../wait.mjs';

/** The shortest that it can be, in seconds. */
const DURATION = 9;

export const tests = {
  async 'a demo that is kept leads into its console, where WhatsApp is broken by hand'(stage) {
    const folder = mkdtempSync(path.join(tmpdir(), 'holdline-demo-'));
    const given = ['--json', 'demo', '--keep', '--duration', String(DURATION)];
    const demo = new Program('demo', given, folder);
    try {
      const verdict = await demo.facts;
      assert.deepEqual([verdict.lost, verdict.duplicates], [0, 0]);
      const link = () => /^console +(\S+)$/m.exec(readFileSync(demo.log, 'utf8'))?.[1];
      await waitFor('the link', async () => link());
      const page = await stage.page({ url: new URL(link()).origin });
      await page.goto(link());
      await page.getByLabel('Name').fill('ada');
      await page.getByLabel(/^Password/).fill(PASSWORD);
      await page.getByRole('button', { name: 'Make me an owner' }).click();
      // What the demo did stands there.
      await page.locator('ol.log li', { hasText: 'down' }).first().waitFor();
      await page.goto('/console/sandbox');
      await page.getByText('Nothing.', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Break by hard_down', exact: true }).click();
      await page.getByRole('button', { name: 'Mend hard_down' }).click();
      await page.getByText('Nothing.', { exact: true }).waitFor();
    } finally {
      await demo.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
