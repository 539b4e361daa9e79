import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Whether an Authorization header carries a token. What is compared are hashes, all of their bytes: the time it takes tells
 * neither the length nor the beginning of the token.
 */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(hashOf(given), hashOf(token));
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
