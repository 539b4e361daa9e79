import { SluiceError } from '@sluice/contracts';

/** The place of an event in the order of answers. */
export interface EventKey {
  timestampMs: number;
  eventId: string;
}

export function formatEventCursor({ timestampMs, eventId }: EventKey): string {
  return Buffer.from(`${timestampMs}.${eventId}`).toString('base64url');
}

/** @throws SluiceError invalid_request when the text is not a cursor of ours. */
export function parseEventCursor(text: string): EventKey {
  const match = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
    Buffer.from(text, 'base64url').toString('utf8'),
  );
  if (match === null) {
    throw new SluiceError('invalid_request', { message: 'The cursor is malformed.', field: '/cursor' });
  }
  return { timestampMs: Number(match[1]), eventId: match[2]! };
}
