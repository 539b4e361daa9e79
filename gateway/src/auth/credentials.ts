import { isObject, type JsonObject } from '../body/parse-body.js';

/** Where a write key was found; they are looked at in this order. */
export type CredentialSource = 'basic' | 'body' | 'bearer' | 'message';

export interface Credential {
  source: CredentialSource;
  key: string;
}

/** No key is longer; a longer text is not worth a look into the database. */
export const MAX_KEY_LENGTH = 256;

/**
 * The write keys that a request carries, in the order in which they count: Basic authorisation, the body's `writeKey`, a
 * Bearer token (which may be one of somebody else's OAuth), the `writeKey` of the first message that has one.
 */
export function findCredentials(authorization: string | undefined, body: JsonObject): Credential[] {
  const found: Credential[] = [];
  const add = (source: CredentialSource, key: unknown): void => {
    if (typeof key === 'string' && key !== '') found.push({ source, key });
  };
  const [, scheme = '', token = ''] = AUTHORIZATION.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'basic') add('basic', userOf(token));
  add('body', ownValue(body, 'writeKey'));
  if (scheme.toLowerCase() === 'bearer') add('bearer', token);
  const batch = ownValue(body, 'batch');
  if (found.length === 0 || found[0]!.source === 'bearer') {
    if (Array.isArray(batch)) add('message', firstKeyIn(batch));
  }
  return found;
}

const AUTHORIZATION = /^\s*(\S+)\s+(\S+)\s*$/;

/** The user of `user:password` in base64; clients that leave out the colon mean the same. */
function userOf(token: string): string {
  const text = Buffer.from(token, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? text : text.slice(0, colon);
}

function firstKeyIn(batch: readonly unknown[]): unknown {
  for (const message of batch) {
    const key = isObject(message) ? ownValue(message, 'writeKey') : undefined;
    if (typeof key === 'string' && key !== '') return key;
  }
  return undefined;
}

function ownValue(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
