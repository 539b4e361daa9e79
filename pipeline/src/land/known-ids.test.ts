import { describe, expect, it } from 'vitest';
import { createKnownIdsPolicy } from './known-ids.js';

describe('asking for known ids first', () => {
  it('ends after eight batches in a row without any', () => {
    const policy = createKnownIdsPolicy();
    const asked = Array.from({ length: 10 }, () => {
      const asks = policy.asksFirst;
      policy.note(0);
      return asks;
    });
    expect(asked).toEqual([true, true, true, true, true, true, true, true, false, false]);
  });

  it('begins again with the first known message', () => {
    const policy = createKnownIdsPolicy();
    for (let batch = 0; batch < 20; batch++) policy.note(0);
    policy.note(3);
    expect(policy.asksFirst).toBe(true);
    for (let batch = 0; batch < 7; batch++) policy.note(0);
    expect(policy.asksFirst).toBe(true);
    policy.note(0);
    expect(policy.asksFirst).toBe(false);
  });
});
