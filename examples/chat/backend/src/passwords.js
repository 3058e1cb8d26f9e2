import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(scrypt);
const KEY_BYTES = 32;

/** `scrypt$<salt>$<key>`, both base64: Node's own scrypt, so that no compiler is needed to install. */
export async function hashPassword(password) {
  const salt = randomBytes(16);
  const key = await derive(password, salt, KEY_BYTES);
  return ['scrypt', salt.toString('base64'), key.toString('base64')].join('$');
}

export async function verifyPassword(password, hash) {
  const [scheme, salt, key] = hash.split('$');
  if (scheme !== 'scrypt') throw new Error(`The stored password hash has the unknown scheme "${scheme}".`);
  const derived = await derive(password, Buffer.from(salt, 'base64'), KEY_BYTES);
  return timingSafeEqual(derived, Buffer.from(key, 'base64'));
}
