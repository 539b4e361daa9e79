import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../decode/json.js';
import type { RawRow } from '../land/raw-row.js';
import { createBytePool } from '../byte-pool.js';
import { createEventBlock, encodeEvents, EVENT_COLUMNS, type EventBlock } from './event-block.js';
import { PROPERTIES_AS_TEXT } from './event-columns.js';

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

/** Reads a block of ClickHouse's Native format, as far as `events` needs it: the rows, each value as text. */
function readBlock(bytes: Buffer): Record<string, string>[] {
  let at = 0;
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  const readLength = (): number => {
    let length = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = take(1)[0]!;
      length += (byte & 127) * factor;
      if (byte < 128) return length;
    }
  };
  const readText = (): string => take(readLength()).toString();
  const many = <T>(count: number, readOne: () => T): T[] => Array.from({ length: count }, readOne);
  const readColumn = (type: string, rows: number): string[] => {
    if (type === 'String') return many(rows, readText);
    if (type.startsWith('JSON')) {
      expect(take(8).readBigUInt64LE()).toBe(1n);
      return many(rows, readText);
    }
    if (type === 'UUID') {
      return many(rows, () => {
        const hex = [take(8), take(8)].map((half) => Buffer.from(half).reverse().toString('hex')).join('');
        return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      });
    }
    if (type === 'UInt64') return many(rows, () => take(8).readBigUInt64LE().toString());
    if (type === 'UInt32') return many(rows, () => String(take(4).readUInt32LE()));
    if (type === 'Bool') return many(rows, () => String(take(1)[0]));
    if (type.startsWith('DateTime64')) {
      return many(rows, () => new Date(Number(take(8).readBigInt64LE())).toISOString());
    }
    if (type.startsWith('Nullable')) {
      const nulls = many(rows, () => take(1)[0] === 1);
      return nulls.map((isNull) => {
        const value = take(8).readBigInt64LE();
        return isNull ? 'null' : String(Number(value) / 10_000);
      });
    }
    expect(type).toBe('LowCardinality(String)');
    expect(take(8).readBigUInt64LE()).toBe(1n);
    const width = 1 << Number(take(8).readBigUInt64LE() & 0xffn);
    const texts = many(Number(take(8).readBigUInt64LE()), readText);
    expect(Number(take(8).readBigUInt64LE())).toBe(rows);
    return many(rows, () => texts[take(width).readUIntLE(0, width)]!);
  };
  const columns = readLength();
  const rows = many(readLength(), (): Record<string, string> => ({}));
  for (let column = 0; column < columns; column++) {
    const name = readText();
    expect(name).toBe(EVENT_COLUMNS[column]);
    const type = readText();
    const values = rows.length === 0 ? [] : readColumn(type, rows.length);
    for (const [index, value] of values.entries()) rows[index]![name] = value;
  }
  expect(columns).toBe(EVENT_COLUMNS.length);
  expect(at).toBe(bytes.length);
  return rows;
}

function read(of: RawRow): Record<string, string> {
  return readBlock(encodeEvents([{ batchId: 9, row: of }]))[0]!;
}

describe('an event block', () => {
  it('names the actor by the user, or by the device where there is none', () => {
    expect(read(row)).toMatchObject({ actor_id: 'a', user_id: '', anonymous_id: 'a' });
    expect(read({ ...row, userId: 'u' })).toMatchObject({ actor_id: 'u', user_id: 'u' });
  });

  it('holds ids, times, amounts and an absent session as they are', () => {
    expect(read(row)).toMatchObject({
      batch_id: '9',
      project_id: '3',
      event_id: row.eventId,
      received_at: '2026-11-23T13:05:09.007Z',
      timestamp: '2026-11-23T13:05:09.006Z',
      event: 'Tab\there',
      session_id: '00000000-0000-0000-0000-000000000000',
      revenue: 'null',
      is_bot: '0',
    });
    const enrichment = { revenue: '-12345678901.0725', currency: 'EUR', bot: true, city: 'Köln' } as const;
    expect(read({ ...row, enrichment })).toMatchObject({
      revenue: '-12345678901.0725',
      currency: 'EUR',
      is_bot: '1',
      city: 'Köln',
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
    expect(JSON.parse(read(marked).properties!)).toEqual({ [PROPERTIES_AS_TEXT]: '{"a":"\\n"}' });
  });

  it('takes sessions late and leaves rows out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.boolean()), { maxLength: 40 }),
        (texts) => {
          const block = createEventBlock();
          for (const [text] of texts) {
            const enrichment = { browser: text, referrer: text };
            block.append(9, { ...row, event: text, messageId: text, enrichment, userId: text });
          }
          const kept = Uint32Array.from([...texts.keys()].filter((index) => texts[index]![1]));
          const sessionOf = (index: number): string =>
            `01a208b1-ad44-8225-b6b6-${index.toString(16).padStart(12, '0')}`;
          for (const index of kept) block.setSession(index, sessionOf(index));
          const expected = [...kept].map((index) => {
            const [text] = texts[index]!;
            return {
              session_id: sessionOf(index),
              event: text,
              message_id: text,
              browser: text,
              referrer: text,
            };
          });
          expect(readBlock(block.encode(kept))).toMatchObject(expected);
          expect(readBlock(block.encode())).toHaveLength(texts.length);
        },
      ),
    );
  });

  it('numbers texts of any count and length', () => {
    const block = createEventBlock();
    const count = 70_000;
    const eventOf = (n: number): string => (n % 1_000 === 0 ? `ü${'x'.repeat(n)}` : `event ${n}`);
    for (let n = 0; n < count; n++) block.append(n, { ...row, event: eventOf(n), type: `type ${n % 300}` });
    const rows = readBlock(block.encode());
    expect(rows.every(({ event, type }, n) => event === eventOf(n) && type === `type ${n % 300}`)).toBe(true);
  });

  it('is the same bytes in memory that held other rows', () => {
    const pool = createBytePool();
    const contents = fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }), at: fc.nat() }), {
      maxLength: 3_000,
    });
    const write = (block: EventBlock, rows: readonly { text: string; at: number }[]): Buffer => {
      for (const { text, at } of rows) {
        block.append(at, { ...row, event: text, messageId: text, receivedAtMs: at, sessionId: null });
      }
      return block.encode();
    };
    fc.assert(
      fc.property(contents, (rows) => {
        const block = createEventBlock(pool);
        const bytes = write(block, rows);
        block.release();
        expect(bytes).toEqual(write(createEventBlock(), rows));
      }),
      { numRuns: 30 },
    );
  });

  it('adds nothing when the properties are nested too deep', () => {
    const block = createEventBlock();
    const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`) as JsonObject;
    expect(() => block.append(9, { ...row, message: { properties: deep } })).toThrow(RangeError);
    expect(block.rows).toBe(0);
    expect(readBlock(block.encode())).toEqual([]);
  });

  it('is the same bytes after Postgres has stored a message, whatever it holds', () => {
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
          expect(read(full)).toMatchObject({ event: text, locale: text, page_title: text, library: text });
          const stored = { ...full, message: JSON.parse(JSON.stringify(message)) as JsonObject };
          expect(encodeEvents([{ batchId: 9, row: stored }])).toEqual(
            encodeEvents([{ batchId: 9, row: full }]),
          );
        },
      ),
    );
  });
});
