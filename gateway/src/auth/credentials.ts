import { isObject, type JsonObject } from '../body/parse-body.js';

/** Where a write key was found; they are looked at in this order. */
export type CredentialSource = 'basic' | 'body' | 'bearer' | 'message';

export interface Credential {
  source: CredentialSource;
  key: string;
}

/** No key is longer; a longer text is not worth a look into the database. */
export const MAX_KEY_LENGTH = 256;

/** The write keys that a body carries. */
export interface BodyKeys {
  writeKey: unknown;
  /** Of the first message that has one. */
  messageWriteKey: unknown;
}

/**
 * The write keys that a request carries, in the order in which they count: Basic authorisation, the body's `writeKey`, a
 * Bearer token (which may be one of somebody else's OAuth), the `writeKey` of the first message that has one.
 */
export function findCredentials(authorization: string | undefined, body: BodyKeys): Credential[] {
  const found: Credential[] = [];
  const add = (source: CredentialSource, key: unknown): void => {
    if (typeof key === 'string' && key !== '') found.push({ source, key });
  };
  const [, scheme = '', token = ''] = AUTHORIZATION.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'basic') add('basic', userOf(token));
  add('body', body.writeKey);
  if (scheme.toLowerCase() === 'bearer') add('bearer', token);
  if (found.length === 0 || found[0]!.source === 'bearer') add('message', body.messageWriteKey);
  return found;
}

export function keysInBody(body: JsonObject): BodyKeys {
  const batch = ownValue(body, 'batch');
  return {
    writeKey: ownValue(body, 'writeKey'),
    get messageWriteKey() {
      return Array.isArray(batch) ? firstKeyIn(batch) : undefined;
    },
  };
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
