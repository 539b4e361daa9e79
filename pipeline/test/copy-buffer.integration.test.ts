import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createCopyBuffer, type CopyRow, type RowJson } from '../src/land/copy-buffer.js';
import { copyRows } from '../src/land/copy-rows.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'), { max: 2 });
});

afterAll(() => database.drop());

const SESSION = '0b6d1a3e-8c55-4b1c-9c1d-2f6c8f5b7a10';
const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => !value.includes('\0'));
const ms = fc.integer({ min: 0, max: Date.UTC(2200, 0) });
const row: fc.Arbitrary<CopyRow & RowJson> = fc.record({
  projectId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  eventId: fc.uuid(),
  receivedAtMs: ms,
  timestampMs: ms,
  type: fc.constantFrom('track', 'page'),
  event: text,
  messageId: text,
  anonymousId: fc.option(text),
  userId: fc.option(text),
  enrichment: fc
    .tuple(text, text)
    .map(([shared, own]) => [
      Buffer.from(JSON.stringify({ shared }).slice(0, -1)),
      `,${JSON.stringify({ own }).slice(1)}`,
    ]),
  message: fc
    .tuple(text, fc.boolean())
    .map(([value, asBytes]) =>
      asBytes ? Buffer.from(JSON.stringify({ value })) : JSON.stringify({ value }),
    ),
});
const batchId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe('rows in the binary form of COPY', () => {
  it('are in Postgres what they were, whatever they hold', async () => {
    const client = await database.pool.connect();
    await fc.assert(
      fc.asyncProperty(
        batchId,
        fc.uniqueArray(row, { selector: ({ eventId }) => eventId, maxLength: 20 }),
        async (batch, rows) => {
          const buffer = createCopyBuffer(0);
          const spans = rows.map((each) => ({ start: buffer.append(batch, each, each), end: buffer.length }));
          spans.forEach(({ start }, seq) => buffer.complete(start, seq, SESSION));
          await client.query('begin');
          await copyRows(client, buffer, spans);
          const found = await client.query(
            `select batch_id::text, batch_seq, session_id, project_id, event_id, type, event, message_id, anonymous_id,
               user_id, enrichment::text, message::text, round(extract(epoch from received_at) * 1000)::text as received,
               round(extract(epoch from "timestamp") * 1000)::text as happened
             from events order by batch_seq`,
          );
          await client.query('rollback');
          expect(found.rows).toEqual(
            rows.map((each, seq) => ({
              batch_id: String(batch),
              batch_seq: seq,
              session_id: SESSION,
              project_id: each.projectId,
              event_id: each.eventId,
              type: each.type,
              event: each.event,
              message_id: each.messageId,
              anonymous_id: each.anonymousId,
              user_id: each.userId,
              enrichment: each.enrichment.join(''),
              message: each.message.toString(),
              received: String(each.receivedAtMs),
              happened: String(each.timestampMs),
            })),
          );
        },
      ),
    );
    client.release();
  });
});
