import { SluiceError } from '@sluice/contracts';
import type { KeyOwner, KeyStore } from '@sluice/service-kit';
import type { FastifyRequest } from 'fastify';

/** What a key must be for. An admin key reads, too. */
export type KeyScope = 'read' | 'admin';

/**
 * Finds whose key a request carries: `Authorization: Bearer KEY`, or Basic with the key as user name. Read and admin keys
 * open the API; what changes something needs an admin key.
 * @throws SluiceError missing_api_key, invalid_api_key, insufficient_scope, origin_not_allowed
 */
export async function authenticate(
  request: FastifyRequest,
  scope: KeyScope,
  keys: KeyStore,
): Promise<KeyOwner> {
  const key = readKey(request.headers.authorization);
  if (key === undefined) throw new SluiceError('missing_api_key', { field: 'authorization' });
  const owner = keys.findCached(key) ?? (await keys.find(key));
  if (owner === null || owner.revoked) throw new SluiceError('invalid_api_key', { field: 'authorization' });
  if (owner.kind === 'write') {
    throw new SluiceError('insufficient_scope', {
      message: 'A write key sends events; reading needs a read key.',
      field: 'authorization',
    });
  }
  if (scope === 'admin' && owner.kind !== 'admin') {
    throw new SluiceError('insufficient_scope', {
      message: 'This changes something: it needs an admin key.',
      field: 'authorization',
    });
  }
  const { origin } = request.headers;
  if (origin !== undefined && owner.allowedOrigins.length > 0 && !owner.allowedOrigins.includes(origin)) {
    throw new SluiceError('origin_not_allowed', {
      message: 'This key may not be used from this origin.',
      field: 'origin',
    });
  }
  return owner;
}

export function readKey(header: string | undefined): string | undefined {
  const match = /^(bearer|basic) +([^ ]+) *$/i.exec(header ?? '');
  if (match === null) return undefined;
  const [, scheme, credentials] = match as unknown as [string, string, string];
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const user = Buffer.from(credentials, 'base64').toString('utf8').split(':', 1)[0];
  return user === '' ? undefined : user;
}
