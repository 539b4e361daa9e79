import { createHmac } from 'node:crypto';

/**
 * The name under which an id is known to have been erased: an HMAC (SHA-256) of the id under the project's key. Without the
 * key, nobody can try out a list of ids or addresses.
 */
export function hashId(key: Buffer, id: string): Buffer {
  return createHmac('sha256', key).update(id, 'utf8').digest();
}
