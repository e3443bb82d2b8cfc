// What an authenticator shows: RFC 6238 with HMAC-SHA-1, six digits, steps of 30 s.

import { createHmac } from 'node:crypto';

const STEP_MS = 30_000;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code of now, or of so many steps later. */
export function totpCode(secret, later = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + later));
  const tag = createHmac('sha1', bytesOf(secret)).update(counter).digest();
  const number = tag.readUInt32BE(tag.at(-1) & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

function bytesOf(base32) {
  const bits = [...base32].map((it) => LETTERS.indexOf(it).toString(2).padStart(5, '0')).join('');
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((it) => Number.parseInt(it, 2)));
}
