// Chromium, without a window. Each test has contexts of its own, which share nothing.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };
const STEP_MS_MAX = 15_000;

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
  return context;
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
