import { hash } from 'node:crypto';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const LATEST_MS = 2 ** 48 - 1;

/**
 * The id under which a message is stored: the same for every send of the message, whatever differs between sends.
 *
 * - A messageId that is a UUIDv7 is the id.
 * - Any other gives a UUIDv8: 48 bits of the client's own timestamp as it was sent (zero when there is none), then 74 bits
 *   of SHA-256 over project and messageId. The version keeps the two kinds apart.
 *
 * The corrected timestamp has no part in it: it shifts with every retry. `clientMs` is milliseconds since the epoch.
 */
export function eventIdOf(projectId: number, messageId: string, clientMs: number | undefined): string {
  if (UUID_V7.test(messageId)) return messageId.toLowerCase();
  const ms = clientMs === undefined || !(clientMs >= 0) ? 0 : Math.min(Math.trunc(clientMs), LATEST_MS);
  const digest = hash('sha256', `${projectId}\n${messageId}`, 'hex');
  writeHex(Math.floor(ms / 2 ** 16), 0, 8);
  writeHex(ms % 2 ** 16, 9, 4);
  return finishUuid(digest);
}

/** A UUID that names `text` for good: for ids of clients that are not UUIDs themselves. */
export function uuidFrom(text: string): string {
  const digest = hash('sha256', text, 'hex');
  copyHex(digest, 32, 0, 8);
  copyHex(digest, 40, 9, 4);
  return finishUuid(digest);
}

/** Where ids are put together: made of strings, each would leave a dozen of them behind. */
const uuid = Buffer.from('00000000-0000-8000-8000-000000000000', 'latin1');
const HEX = Buffer.from('0123456789abcdef', 'latin1');

/** The id whose first 48 bits are in `uuid`: version, variant and the rest. */
function finishUuid(digest: string): string {
  copyHex(digest, 0, 15, 3);
  uuid[19] = HEX[(parseInt(digest[3]!, 16) & 0x3) | 0x8]!;
  copyHex(digest, 4, 20, 3);
  copyHex(digest, 7, 24, 12);
  return uuid.toString('latin1');
}

/** The last `length` hexadecimal digits of a number below 2^32. */
function writeHex(value: number, at: number, length: number): void {
  for (let i = 0; i < length; i++) uuid[at + i] = HEX[(value >>> (4 * (length - 1 - i))) & 0xf]!;
}

function copyHex(digest: string, from: number, at: number, length: number): void {
  for (let i = 0; i < length; i++) uuid[at + i] = digest.charCodeAt(from + i);
}

/** The time in an id's first 48 bits, milliseconds since the epoch; ids of one UTC day share a partition of `events`. */
export function idTimeMs(eventId: string): number {
  return parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16);
}
