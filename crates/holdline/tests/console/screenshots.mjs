// Takes a picture of every page, in light and dark, into docs/console: those of an outage where
// there are two. Needs what run.mjs needs.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { WIDE, launch } from './browser.mjs';
import { root } from './program.mjs';
import { Stage } from './stage.mjs';

const FOLDER = path.join(root, 'docs/console');
const NAMES = ['messages', 'contacts', 'contact', 'import', 'import-report', 'settings', 'users',
  'audit', 'account', 'sign-in'];
/** Long lists, of which the beginning is enough. */
const LISTS = ['messages', 'contacts'];
const LIST = { x: 0, y: 0, width: WIDE.width, height: 640 };
const IN_OUTAGE = ['overview', 'message', 'outages', 'outage', 'sandbox'];

const browser = await launch();
const stage = new Stage(browser);
mkdirSync(FOLDER, { recursive: true });
try {
  await take(await stage.calm(), NAMES);
  await take(await stage.broken(), IN_OUTAGE.map((name) => `down-${name}`));
} finally {
  await stage.clear();
  await stage.end();
}

async function take(scene, names) {
  for (const { name, path: url, cookie } of scene.pages.filter((it) => names.includes(it.name))) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await stage.page(scene.at, cookie, { colorScheme, viewport: WIDE });
      await page.goto(url);
      const file = path.join(FOLDER, `${name.replace('down-', '')}-${colorScheme}.png`);
      const size = LISTS.includes(name) ? { clip: LIST } : { fullPage: true };
      await page.screenshot({ path: file, ...size });
      console.log(path.relative(root, file));
      await page.close();
    }
  }
}
