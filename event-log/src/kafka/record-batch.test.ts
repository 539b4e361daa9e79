import { Reader, readRecordsBatches } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewRecord } from '../port.js';
import { encodeRecordBatch, recordBytes } from './record-batch.js';

const records = fc.array(
  fc.record({
    partition: fc.constant(0),
    key: fc.string({ unit: 'grapheme' }),
    headers: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), {
      noNullPrototype: true,
    }),
    value: fc.oneof(
      fc.uint8Array(),
      fc.integer({ min: 50, max: 20_000 }).map((size) => Buffer.alloc(size, 'value')),
    ),
  }),
  { minLength: 1, maxLength: 70 },
);

function encode(batch: readonly NewRecord[], baseSequence = 7): Buffer {
  return encodeRecordBatch(batch, batch.map(recordBytes), { producerId: 5n, epoch: 3 }, baseSequence);
}

describe('encodeRecordBatch', () => {
  it('writes what a Kafka client reads', () => {
    fc.assert(
      fc.property(records, (batch) => {
        const [read, ...more] = readRecordsBatches(Reader.from(encode(batch)));
        expect(more).toEqual([]);
        expect(read).toMatchObject({
          magic: 2,
          attributes: 0,
          producerId: 5n,
          producerEpoch: 3,
          firstSequence: 7,
          lastOffsetDelta: batch.length - 1,
        });
        // As text: comparing many large buffers element by element takes long.
        expect(
          read!.records.map((record) => ({
            key: String(record.key),
            value: record.value!.toString('latin1'),
            headers: [...record.headers].map(([name, text]) => [String(name), String(text)]),
            offsetDelta: record.offsetDelta,
          })),
        ).toEqual(
          batch.map(({ key, value, headers }, offsetDelta) => ({
            key,
            value: Buffer.from(value).toString('latin1'),
            headers: Object.entries(headers),
            offsetDelta,
          })),
        );
      }),
      { numRuns: 60 },
    );
  });
});
