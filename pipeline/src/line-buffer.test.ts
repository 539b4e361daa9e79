import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineBuffer, joinSpans } from './line-buffer.js';
import { encodeTime } from './text-form.js';

describe('createLineBuffer', () => {
  it('holds what was appended, beyond what was expected, and takes patches', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 50 }), { maxLength: 20 }), (texts) => {
        const lines = createLineBuffer(0);
        const long = 'x'.repeat(70_000);
        const spans = [long, ...texts].map((text) => ({ start: lines.append(text), end: lines.length }));
        lines.patch(0, 'abc');
        expect(spans.map(({ start, end }) => lines.slice(start, end).toString())).toEqual([
          `abc${long.slice(3)}`,
          ...texts,
        ]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('joinSpans', () => {
  it('joins neighbours and keeps gaps', () => {
    const spans = [
      { start: 0, end: 3 },
      { start: 3, end: 5 },
      { start: 9, end: 11 },
    ];
    expect(joinSpans(spans)).toEqual([
      { start: 0, end: 5 },
      { start: 9, end: 11 },
    ]);
    expect(spans[0]).toEqual({ start: 0, end: 3 });
  });
});

describe('encodeTime', () => {
  it('writes every millisecond as ISO 8601 does, but for the T', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2200, 0) }), (ms) => {
        expect(encodeTime(ms)).toBe(new Date(ms).toISOString().replace('T', ' ').slice(0, 23));
      }),
    );
  });
});
