// Waiting for a condition, always with a limit.

import { setTimeout as pause } from 'node:timers/promises';

const WAIT_MS_MAX = 20_000;
const PAUSE_MS_MAX = 200;

/** The first true value of `probe()`; throws, naming `what`, when none comes in time. */
export async function waitFor(what, probe, limitMs = WAIT_MS_MAX) {
  const deadline = Date.now() + limitMs;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, PAUSE_MS_MAX)) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await pause(pauseMs);
  }
}

/** What `work` gives, or an error that names `what` after so long. */
export async function within(what, limitMs, work) {
  let timer;
  const late = new Promise((_, refuse) => {
    timer = setTimeout(() => refuse(new Error(`${what} took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
