import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../decode/json.js';
import type { RawRow } from '../land/raw-row.js';
import { encodeClickHouseRow, EVENT_COLUMNS, PROPERTIES_AS_TEXT } from './clickhouse-row.js';

const row: RawRow = {
  projectId: 3,
  eventId: '01a208b1-ad44-8225-b6b6-10483b554cc8',
  receivedAtMs: Date.UTC(2026, 10, 23, 13, 5, 9, 7),
  timestampMs: Date.UTC(2026, 10, 23, 13, 5, 9, 6),
  type: 'track',
  event: 'Tab\there',
  messageId: 'm',
  anonymousId: 'a',
  userId: null,
  sessionId: null,
  enrichment: {},
  message: {},
};

function read(of: RawRow): Record<string, string> {
  const line = encodeClickHouseRow(9, of);
  expect(line.endsWith('\n')).toBe(true);
  const values = line.slice(0, -1).split('\t');
  expect(values).toHaveLength(EVENT_COLUMNS.length);
  return Object.fromEntries(EVENT_COLUMNS.map((name, index) => [name, values[index]!]));
}

describe('encodeClickHouseRow', () => {
  it('names the actor by the user, or by the device where there is none', () => {
    expect(read(row)).toMatchObject({ actor_id: 'a', user_id: '', anonymous_id: 'a' });
    expect(read({ ...row, userId: 'u' })).toMatchObject({ actor_id: 'u', user_id: 'u' });
  });

  it('writes times, escapes and an absent session as ClickHouse reads them', () => {
    expect(read(row)).toMatchObject({
      batch_id: '9',
      received_at: '2026-11-23 13:05:09.007',
      event: 'Tab\\there',
      session_id: '00000000-0000-0000-0000-000000000000',
      revenue: '\\N',
      is_bot: '0',
    });
  });

  it('takes the page from the properties of a page message, and from the context of others', () => {
    const context = { page: { url: 'https://a.example/c', path: '/c', title: 'C' } };
    const properties = { url: 'https://a.example/p?x#y' };
    expect(read({ ...row, type: 'page', message: { context, properties } })).toMatchObject({
      page_url: 'https://a.example/p?x#y',
      page_path: '/c',
      page_title: 'C',
    });
    expect(read({ ...row, type: 'page', message: { properties } }).page_path).toBe('/p');
    expect(read({ ...row, message: { context, properties } }).page_path).toBe('/c');
    expect(read({ ...row, type: 'screen', event: 'Cart' }).page_path).toBe('Cart');
  });

  it('rolls traits up as the properties of an identify', () => {
    expect(read({ ...row, type: 'identify', message: { traits: { a: 1 } } }).properties).toBe('{"a":1}');
  });

  it('rolls refused properties up as text', () => {
    const marked: RawRow = {
      ...row,
      message: { properties: { a: '\n' } },
      enrichment: { propertiesAsText: true },
    };
    const json = read(marked).properties!.replaceAll('\\\\', '\\');
    expect(JSON.parse(json)).toEqual({ [PROPERTIES_AS_TEXT]: '{"a":"\\n"}' });
  });

  it('is one line of the same columns whatever a message holds, and the same after Postgres has stored it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string({ unit: 'grapheme' }),
        (properties, text) => {
          const message = {
            properties,
            context: { locale: text, page: { title: text }, library: { name: text } },
          } as JsonObject;
          const full: RawRow = { ...row, event: text, messageId: text, anonymousId: text, message };
          read(full);
          const stored = JSON.parse(JSON.stringify(message)) as JsonObject;
          expect(encodeClickHouseRow(9, { ...full, message: stored })).toBe(encodeClickHouseRow(9, full));
        },
      ),
    );
  });
});
