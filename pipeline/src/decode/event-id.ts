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
  const time = ms.toString(16).padStart(12, '0');
  return uuidOf(time, hash('sha256', `${projectId}\n${messageId}`, 'hex'));
}

/** A UUID that names `text` for good: for ids of clients that are not UUIDs themselves. */
export function uuidFrom(text: string): string {
  const digest = hash('sha256', text, 'hex');
  return uuidOf(digest.slice(32, 44), digest);
}

function uuidOf(time: string, digest: string): string {
  const variant = ((parseInt(digest[3]!, 16) & 0x3) | 0x8).toString(16);
  return (
    `${time.slice(0, 8)}-${time.slice(8, 12)}-8${digest.slice(0, 3)}-` +
    `${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`
  );
}

/** The time in an id's first 48 bits, milliseconds since the epoch; ids of one UTC day share a partition of `events`. */
export function idTimeMs(eventId: string): number {
  return parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16);
}
