import { describe, expect, it } from 'vitest';
import { joinSpans } from './spans.js';

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
