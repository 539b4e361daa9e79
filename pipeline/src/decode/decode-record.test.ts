import { encodeRecordMeta, type MessagesMeta } from '@sluice/contracts';
import type { LogRecord } from '@sluice/event-log';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, messageBytes } from './decode-record.js';

const receivedAtMs = Date.UTC(2026, 10, 23, 12);

function record(value: unknown, meta: Partial<MessagesMeta> = {}): LogRecord {
  const batch = (value as { batch?: unknown[] }).batch;
  return {
    offset: 42,
    key: '',
    headers: encodeRecordMeta({
      kind: 'messages',
      shape: batch === undefined ? 'single' : 'batch',
      projectId: 7,
      receivedAtMs,
      count: batch?.length ?? 1,
      ip: '203.0.113.9',
      ...meta,
    }),
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    appendedAtMs: receivedAtMs,
  };
}

const page = { type: 'page', anonymousId: 'a', messageId: 'm', name: 'Home' };

describe('decodeRecord', () => {
  it('corrects the time of an event by the error of the clock that sent it', () => {
    const batch = [{ ...page, timestamp: '2026-11-23T09:59:50.000Z' }];
    const [message] = decodeRecord(record({ batch, sentAt: '2026-11-23T10:00:00.000Z' })).messages;
    expect(message).toMatchObject({ timestampMs: receivedAtMs - 10_000, event: 'Home', type: 'page' });
  });

  it('never lets an event happen after its receipt or before the year 2000', () => {
    const timeOf = (timestamp: string): object =>
      decodeRecord(record({ ...page, timestamp })).messages.map(({ timestampMs, clamped }) => [
        timestampMs,
        clamped,
      ])[0]!;
    expect(timeOf('2026-11-23T12:00:00.001Z')).toEqual([receivedAtMs, 'future']);
    expect(timeOf('1970-01-01T00:00:00Z')).toEqual([Date.UTC(2000, 0, 1), 'past']);
    expect(timeOf('yesterday')).toEqual([receivedAtMs, 'missing']);
    expect(timeOf('2026-11-23T13:00:00.5+01:30')).toEqual([receivedAtMs - 1_799_500, undefined]);
  });

  it("gives a message in the client's own bytes just where these are what is stored", () => {
    const extra = fc.record(
      {
        properties: fc.jsonValue(),
        context: fc.constant({ locale: 'de' }),
        writeKey: fc.constant('secret'),
        sentAt: fc.constant('2026-11-23T10:00:00.000Z'),
        type: fc.constant(null),
      },
      { requiredKeys: [] },
    );
    const shared = fc.record({ context: fc.constant({ ip: '1.2.3.4' }) }, { requiredKeys: [] });
    const space = fc.constantFrom(undefined, 2);
    fc.assert(
      fc.property(
        fc.array(extra, { minLength: 1, maxLength: 5 }),
        shared,
        space,
        (extras, around, indent) => {
          const batch = extras.map((more, i) => ({ ...page, messageId: `é ${i}`, ...more }));
          const text = JSON.stringify({ ...around, batch }, null, indent);
          const { messages } = decodeRecord(record(text, { shape: 'batch', count: batch.length }));
          for (const { bytes, message, recordIndex } of messages) {
            const sent = batch[recordIndex]!;
            const isAsSent = !('context' in around) && !('writeKey' in sent) && !('sentAt' in sent);
            expect(bytes !== undefined).toBe(isAsSent);
            if (bytes !== undefined) expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(message);
          }
        },
      ),
    );
  });

  it("puts the batch's context under a message's own, and drops keys that are not the event's", () => {
    const value = {
      context: { ip: '1.2.3.4', library: { name: 'go' } },
      integrations: { All: false },
      batch: [{ ...page, context: { ip: '5.6.7.8' }, writeKey: 'secret', _metadata: {}, sentAt: 'x' }],
    };
    const [message] = decodeRecord(record(value)).messages;
    expect(message!.message).toEqual({
      ...page,
      context: { ip: '5.6.7.8', library: { name: 'go' } },
      integrations: { All: false },
    });
  });

  it('reads numbers as ids, and null and empty ids as none', () => {
    const value = { type: 'identify', userId: 12, anonymousId: null, groupId: '', messageId: 5 };
    const [message] = decodeRecord(record(value)).messages;
    expect(message).toMatchObject({
      userId: '12',
      anonymousId: null,
      groupId: null,
      messageId: '5',
      deviceId: '12',
    });
  });

  it('uses the type of the address and the id that the gateway made where a message has none', () => {
    const value = { event: 'e', userId: 'u' };
    const [message] = decodeRecord(record(value, { type: 'track', generatedIds: { '0': 'made' } })).messages;
    expect(message).toMatchObject({ type: 'track', messageId: 'made' });
  });

  it('leaves out the messages that the gateway told it to skip', () => {
    const batch = ['bad', page, { ...page, messageId: 'n' }];
    const decoded = decodeRecord(record({ batch }, { skip: [0], count: 2 }));
    expect(decoded.messages.map(({ messageId, recordIndex }) => [messageId, recordIndex])).toEqual([
      ['m', 1],
      ['n', 2],
    ]);
    expect(decoded.deadLetters).toEqual([]);
    expect(decoded.account).toEqual({ projectId: 7, receivedAtMs, logged: 2, rejected: 0 });
  });

  it('makes a record whose count is wrong a dead letter that accounts for all of it', () => {
    const decoded = decodeRecord(record({ batch: [page] }, { count: 2 }));
    expect(decoded.messages).toEqual([]);
    expect(decoded.deadLetters).toMatchObject([{ code: 'undecodable_record', accepted: 2, recordIndex: -1 }]);
  });

  it('keeps the bytes, the place and the reason of a message that is not one, and its neighbours', () => {
    const faulty = { ...page, properties: { list: ['x', 'a\u0000b'] } };
    const source = record({ batch: [page, faulty, { ...page, userId: {} }] });
    const decoded = decodeRecord(source);
    expect(decoded.messages).toHaveLength(1);
    expect(decoded.deadLetters).toMatchObject([
      {
        code: 'invalid_string',
        field: '/properties/list/1',
        offset: 42,
        recordIndex: 1,
        messageId: 'm',
        accepted: 1,
      },
      { code: 'invalid_id', field: '/userId', recordIndex: 2 },
    ]);
    expect(JSON.parse(Buffer.from(decoded.deadLetters[0]!.bytes).toString())).toEqual(faulty);
    expect(messageBytes(source, 1)).toEqual(decoded.deadLetters[0]!.bytes);
  });

  it('passes a rejected message on with the reason of the gateway', () => {
    const decoded = decodeRecord({
      ...record('{"type":"?"}'),
      headers: encodeRecordMeta({
        kind: 'rejected',
        projectId: 7,
        receivedAtMs,
        code: 'unknown_type',
        message: 'no such type',
        field: '/type',
        index: 4,
      }),
    });
    expect(decoded.deadLetters).toMatchObject([
      { source: 'gateway', code: 'unknown_type', field: '/type', recordIndex: 4, accepted: 0 },
    ]);
    expect(decoded.account).toMatchObject({ logged: 0, rejected: 1 });
  });

  it('never throws, and accounts for every message it was told of, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.array(fc.jsonValue()).map((batch) => JSON.stringify({ batch })),
          fc.nat({ max: 20_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
        ),
        fc.constantFrom('single', 'batch'),
        fc.nat({ max: 5 }),
        (text, shape, count) => {
          const decoded = decodeRecord(record(text, { shape, count }));
          const accounted = decoded.deadLetters.reduce((sum, letter) => sum + letter.accepted, 0);
          if (shape === 'batch') expect(decoded.messages.length + accounted).toBe(count);
        },
      ),
    );
  });
});
