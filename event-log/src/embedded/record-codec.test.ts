import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePlace, decodeRecord, encodeRecord, maxEncodedBytes, storedBytes } from './record-codec.js';

const newRecords = fc.record({
  partition: fc.nat(255),
  key: fc.string({ unit: 'grapheme' }),
  headers: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), {
    noNullPrototype: true,
  }),
  value: fc.uint8Array({ maxLength: 5_000 }),
});

describe('record codec', () => {
  it('reads back what it wrote, from anywhere in a buffer', () => {
    fc.assert(
      fc.property(
        newRecords,
        fc.nat(50),
        fc.nat(2 ** 31),
        fc.nat(2 ** 31),
        (record, start, atMs, bytesBefore) => {
          const buffer = Buffer.alloc(start + maxEncodedBytes(record));
          const end = encodeRecord(record, atMs, bytesBefore, buffer, start);
          expect(end).toBeLessThanOrEqual(buffer.length);
          const bytes = buffer.subarray(start, end);
          const read = decodeRecord(9, bytes);
          expect({ ...read, value: Buffer.from(read.value) }).toEqual({
            offset: 9,
            key: record.key,
            headers: record.headers,
            value: Buffer.from(record.value),
            appendedAtMs: atMs,
          });
          expect(decodePlace(bytes)).toEqual({ appendedAtMs: atMs, bytesBefore });
        },
      ),
    );
  });

  it('keeps a header named __proto__ as a header', () => {
    const headers = { ['__proto__']: 'x' };
    const buffer = Buffer.alloc(200);
    const end = encodeRecord({ partition: 0, key: '', headers, value: new Uint8Array(0) }, 0, 0, buffer, 0);
    expect(Object.entries(decodeRecord(0, buffer.subarray(0, end)).headers)).toEqual([['__proto__', 'x']]);
  });

  it('counts what a record takes on disk, never less than its bytes', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), (bytes) => {
        expect(storedBytes(bytes)).toBeGreaterThan(bytes);
      }),
    );
  });

  it('refuses a record of a form it does not know', () => {
    expect(() => decodeRecord(3, Buffer.from([9, 0, 0]))).toThrow('record 3 has the unknown form 9');
  });
});
