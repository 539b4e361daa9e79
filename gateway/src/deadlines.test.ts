import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDeadlines } from './deadlines.js';

describe('deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('expire in the order in which they were set, and only those that were not cleared', () => {
    const deadlines = createDeadlines(1_000);
    const expired: string[] = [];
    const set = (name: string) => deadlines.set(() => expired.push(name));
    const a = set('a');
    set('b');
    const c = set('c');
    vi.advanceTimersByTime(500);
    set('d');
    a.clear();
    c.clear();
    c.clear();
    vi.advanceTimersByTime(700);
    expect(expired).toEqual(['b']);
    vi.advanceTimersByTime(500);
    expect(expired).toEqual(['b', 'd']);
    deadlines.close();
  });

  it('may be set and cleared by one that expires', () => {
    const deadlines = createDeadlines(100);
    const expired: string[] = [];
    deadlines.set(() => {
      expired.push('first');
      second.clear();
      deadlines.set(() => expired.push('third'));
    });
    const second = deadlines.set(() => expired.push('second'));
    vi.advanceTimersByTime(400);
    expect(expired).toEqual(['first', 'third']);
    deadlines.close();
  });
});
