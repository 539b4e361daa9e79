import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecordMeta } from '@sluice/contracts';
import { decodeRecord } from './decode-record.js';
import { eventIdOf, idTimeMs, uuidFrom } from './event-id.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const clientMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('eventIdOf', () => {
  it('is the message id when that is a UUIDv7, in whatever case', () => {
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), fc.option(clientMs, { nil: undefined }), (id, ms) => {
        expect(eventIdOf(1, id.toUpperCase(), ms)).toBe(id);
      }),
    );
  });

  it('is a UUID whose first 48 bits are the time that the client gave', () => {
    fc.assert(
      fc.property(fc.string(), clientMs, (messageId, ms) => {
        const id = eventIdOf(7, messageId, ms);
        expect(id).toMatch(UUID);
        expect(idTimeMs(id)).toBe(ms);
      }),
    );
  });

  it('has zero for a time when there is none', () => {
    expect(idTimeMs(eventIdOf(1, 'x', undefined))).toBe(0);
    expect(idTimeMs(eventIdOf(1, 'x', -5))).toBe(0);
  });

  it('differs between projects, messages and times', () => {
    const ids = [
      eventIdOf(1, 'a', 5),
      eventIdOf(2, 'a', 5),
      eventIdOf(1, 'b', 5),
      eventIdOf(1, 'a', 6),
      // A project and a message that read the same side by side.
      eventIdOf(1, '1\na', 5),
      eventIdOf(11, 'a', 5),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('never takes an id of another kind for a UUIDv7', () => {
    fc.assert(
      fc.property(fc.uuid({ version: [1, 4, 5] }), (id) => {
        expect(eventIdOf(1, id, 0)).not.toBe(id);
        expect(eventIdOf(1, id, 0)[14]).toBe('8');
      }),
    );
  });

  it('is one id for every send of a message, whatever its company and its times of sending and receipt', () => {
    const send = fc.record({
      receivedAtMs: fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) }),
      sentAtMs: fc.option(fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) }), { nil: undefined }),
      single: fc.boolean(),
      neighbours: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 99 }),
        fc.option(
          fc.date({ min: new Date('2001-01-01'), max: new Date('2029-01-01'), noInvalidDate: true }),
          {
            nil: undefined,
          },
        ),
        send,
        send,
        (messageId, timestamp, first, second) => {
          const message = {
            type: 'track',
            event: 'e',
            userId: 'u',
            messageId,
            timestamp: timestamp?.toISOString(),
          };
          expect(idOfSend(message, first)).toBe(idOfSend(message, second));
        },
      ),
    );
  });
});

describe('uuidFrom', () => {
  it('always names the same text by the same UUID', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(uuidFrom(a)).toMatch(UUID);
        expect(uuidFrom(a) === uuidFrom(b)).toBe(a === b);
      }),
    );
  });
});

interface Send {
  receivedAtMs: number;
  sentAtMs: number | undefined;
  single: boolean;
  neighbours: number;
}

function idOfSend(message: object, { receivedAtMs, sentAtMs, single, neighbours }: Send): string {
  const sentAt = sentAtMs === undefined ? undefined : new Date(sentAtMs).toISOString();
  const other = { type: 'page', anonymousId: 'n', messageId: 'neighbour' };
  const batch = [...Array.from({ length: neighbours }, () => other), message];
  const value = single ? { ...message, sentAt } : { batch, sentAt };
  const decoded = decodeRecord({
    offset: 1,
    key: '',
    headers: encodeRecordMeta({
      kind: 'messages',
      shape: single ? 'single' : 'batch',
      projectId: 3,
      receivedAtMs,
      count: single ? 1 : batch.length,
    }),
    value: Buffer.from(JSON.stringify(value)),
    appendedAtMs: 0,
  });
  return decoded.messages.at(-1)!.eventId;
}
