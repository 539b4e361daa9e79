import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSequence } from './sequence.js';

describe('readSequence', () => {
  it('reads where a message stands, and sums what was dropped before it', () => {
    const sluice = { stream: 's', seq: 3, dropped: { outbox_full: 2, expired: 1 } };
    expect(readSequence({ sluice })).toEqual({ stream: 's', seq: 3, dropped: 3 });
    expect(readSequence({ sluice: { stream: 's', seq: 1 } })).toEqual({ stream: 's', seq: 1, dropped: 0 });
  });

  it.each([
    ['no stream', { seq: 1 }],
    ['an empty stream', { stream: '', seq: 1 }],
    ['a long stream', { stream: 's'.repeat(65), seq: 1 }],
    ['a stream that cannot be stored', { stream: 'a\0', seq: 1 }],
    ['no number', { stream: 's' }],
    ['zero', { stream: 's', seq: 0 }],
    ['half a message', { stream: 's', seq: 1.5 }],
    ['a number that is not exact', { stream: 's', seq: 2 ** 53 }],
    ['a text', 's:1'],
  ])('takes %s for no sequence', (_what, sluice) => {
    expect(readSequence({ sluice })).toBeUndefined();
  });

  it('gives counts that can be added up, whatever a client says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (stream, seq, dropped) => {
        const found = readSequence({ sluice: { stream, seq, dropped } });
        if (found === undefined) return;
        expect(Number.isSafeInteger(found.seq)).toBe(true);
        expect(Number.isSafeInteger(found.dropped) && found.dropped >= 0).toBe(true);
      }),
    );
  });
});
