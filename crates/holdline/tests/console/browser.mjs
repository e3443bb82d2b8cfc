// Chromium, without a window. Each test has contexts of its own, which share nothing.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };
const STEP_MS_MAX = 15_000;
/** HOLDLINE_ASSETS=FOLDER: changed scripts and styles are tried without a build. */
const ASSETS = process.env.HOLDLINE_ASSETS;
const OWN_FILES = '**/console/static/*.{css,js}';

export function launch() {
  const named = process.env.HOLDLINE_CHROMIUM;
  const found = named ?? PLACES.find((place) => existsSync(place));
  if (!found) throw new Error('chromium is missing: install it, or name it in HOLDLINE_CHROMIUM');
  return chromium.launch({ executablePath: found, args: ['--no-sandbox'] });
}

/** A context in which the holder of the cookie is signed in. */
export async function contextOf(browser, at, cookie, options = {}) {
  const fixed = { baseURL: at.url, viewport: WIDE, locale: 'en-GB', timezoneId: 'UTC' };
  const context = await browser.newContext({ ...fixed, ...options });
  context.setDefaultTimeout(STEP_MS_MAX);
  if (cookie) await context.addCookies([cookie]);
  if (ASSETS) await context.route(OWN_FILES, fromFolder);
  return context;
}

/** A file of the folder in place of the one that was built in. */
function fromFolder(route) {
  const name = new URL(route.request().url()).pathname.split('/').at(-1);
  const file = name.replace(/-[0-9a-f]{12}\./, '.');
  return route.fulfill({ path: path.join(ASSETS, file) });
}

/** What the browser complains about on a page: policy, scripts, requests that failed. */
export function complaints(page) {
  const found = [];
  page.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) found.push(`${said.type()}: ${said.text()}`);
  });
  page.on('pageerror', (fault) => found.push(`script: ${fault.message}`));
  return found;
}
