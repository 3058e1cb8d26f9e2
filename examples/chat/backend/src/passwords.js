import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { BoundedQueue } from './queues.js';

const KEY_BYTES = 32;
// As many as Node.js has threads for it; who waits for one longer has soon given up.
const queue = new BoundedQueue({ slots: 4, patience: 4000 });
const scryptLater = promisify(scrypt);
const derive = (password, salt) => queue.run(() => scryptLater(password, salt, KEY_BYTES));

/** `scrypt$<salt>$<key>`, both base64: Node's own scrypt, so that no compiler is needed to install. */
export async function hashPassword(password) {
  const salt = randomBytes(16);
  const key = await derive(password, salt);
  return ['scrypt', salt.toString('base64'), key.toString('base64')].join('$');
}

export async function verifyPassword(password, hash) {
  const [scheme, salt, key] = hash.split('$');
  if (scheme !== 'scrypt') throw new Error(`The stored password hash has the unknown scheme "${scheme}".`);
  const derived = await derive(password, Buffer.from(salt, 'base64'));
  return timingSafeEqual(derived, Buffer.from(key, 'base64'));
}
