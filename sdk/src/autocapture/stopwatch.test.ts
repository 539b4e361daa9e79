import { expect, it } from 'vitest';
import { createStopwatch } from './stopwatch.js';

it('counts only while it runs, however often it is told the same', () => {
  let nowMs = 0;
  const stopwatch = createStopwatch(() => nowMs);
  stopwatch.reset(true);
  nowMs = 100;
  stopwatch.set(true);
  nowMs = 150;
  stopwatch.set(false);
  nowMs = 1_000;
  stopwatch.set(false);
  expect(stopwatch.readMs()).toBe(150);
  stopwatch.set(true);
  nowMs = 1_020;
  expect(stopwatch.readMs()).toBe(170);
  stopwatch.reset(false);
  nowMs = 2_000;
  expect(stopwatch.readMs()).toBe(0);
});
