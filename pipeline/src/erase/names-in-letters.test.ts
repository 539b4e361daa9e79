import { describe, expect, it } from 'vitest';
import { idsNamedBy, timeNamedBy } from './names-in-letters.js';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('the ids that a dead letter names', () => {
  it('are found in a message, in a batch and however deep they stand', () => {
    expect(
      idsNamedBy(
        bytes('{"batch":[{"userId":"ann"},{"anonymousId":"phone","context":{"previousId":7}}]}'),
      ).sort(),
    ).toEqual(['7', 'ann', 'phone']);
  });

  it('are found in bytes that are no JSON', () => {
    expect(idsNamedBy(bytes('{"userId":"a\\"b", "anonymousId" : 5, broken'))).toEqual(['a"b', '5']);
  });

  it('are found below more levels than a stack has', () => {
    const deep = 200_000;
    const text = `${'['.repeat(deep)}{"userId":"ann"}${']'.repeat(deep)}`;
    expect(idsNamedBy(bytes(text))).toEqual(['ann']);
  });

  it('are none where nobody is named', () => {
    expect(idsNamedBy(bytes('{"userId":null,"event":"userId"}'))).toEqual([]);
  });
});

describe('the time that a dead letter names', () => {
  it('is that of its message', () => {
    expect(timeNamedBy(bytes('{"timestamp":"2025-01-01T00:00:00Z"}'))).toBe(Date.UTC(2025, 0, 1));
    expect(timeNamedBy(bytes('{"timestamp":{}}'))).toBeUndefined();
    expect(timeNamedBy(bytes('no JSON'))).toBeUndefined();
  });
});
