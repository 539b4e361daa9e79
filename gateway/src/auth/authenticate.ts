import { SluiceError } from '@sluice/contracts';
import type { KeyOwner, KeyStore } from '@sluice/service-kit';
import { MAX_KEY_LENGTH, type Credential } from './credentials.js';

export interface Caller {
  owner: KeyOwner;
  credential: Credential;
}

/**
 * Whom a request comes from. The first key counts; a Bearer token that is no key of ours gives way to the next one.
 * @throws SluiceError missing_write_key, project_not_found, source_disabled, origin_not_allowed, store_unavailable
 */
export async function authenticate(
  keys: KeyStore,
  credentials: readonly Credential[],
  origin: string | undefined,
): Promise<Caller> {
  for (const credential of credentials) {
    const owner = await find(keys, credential.key);
    if (owner === null && credential.source === 'bearer' && credential !== credentials.at(-1)) continue;
    if (owner?.kind !== 'write') throw new SluiceError('project_not_found');
    if (owner.revoked) throw new SluiceError('source_disabled');
    assertOriginAllowed(owner, origin);
    return { owner, credential };
  }
  throw new SluiceError('missing_write_key');
}

async function find(keys: KeyStore, key: string): Promise<KeyOwner | null> {
  if (key.length > MAX_KEY_LENGTH) return null;
  const known = keys.findCached(key);
  return known === undefined ? keys.find(key) : known;
}

/** Origins bind browsers only: a request without an origin comes from a server, which could claim any. */
function assertOriginAllowed(owner: KeyOwner, origin: string | undefined): void {
  if (origin === undefined || owner.allowedOrigins.length === 0) return;
  if (!owner.allowedOrigins.includes(origin)) throw new SluiceError('origin_not_allowed');
}
