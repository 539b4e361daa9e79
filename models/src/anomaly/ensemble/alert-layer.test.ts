import { describe, expect, it } from 'vitest';
import { createAlertLayer } from './alert-layer.js';
import { createStateMemory } from './state-memory.js';
import { FIVE_MINUTES_MS } from './test-series.js';

const DAY_POINTS = 288;

/** Rows that alert, of scores five minutes apart. */
function alertsOf(length: number, scoreAt: (row: number) => number): number[] {
  const layer = createAlertLayer(createStateMemory(), { threshold: 1 });
  const alerts: number[] = [];
  for (let row = 0; row < length; row++) {
    if (layer.step(scoreAt(row), (row % DAY_POINTS) / DAY_POINTS, row * FIVE_MINUTES_MS)) alerts.push(row);
  }
  return alerts;
}

describe('alert layer', () => {
  it('alerts where a score passes the threshold, and then rests', () => {
    expect(alertsOf(1_500, (row) => (row >= 1_200 && row <= 1_320 ? 2 : 0))).toEqual([1_200]);
    expect(alertsOf(1_500, (row) => (row >= 1_200 && row <= 1_321 ? 2 : 0))).toEqual([1_200, 1_321]);
  });

  it('asks for more after every alert, and forgets it in time', () => {
    const again = (gap: number): number =>
      alertsOf(12_000, (row) => (row === 1_000 ? 2 : row === 1_000 + gap ? 1.05 : 0)).length;
    expect(again(200)).toBe(1);
    expect(again(5_000)).toBe(2);
  });

  it('takes what comes at the time of day of an earlier alert for a habit, unless it is stronger', () => {
    const nextDay = (score: number, later: number): number =>
      alertsOf(3_000, (row) => (row === 1_000 ? 2 : row === 1_000 + DAY_POINTS + later ? score : 0)).length;
    expect(nextDay(2.1, 0)).toBe(1);
    expect(nextDay(2.1, 4)).toBe(1);
    expect(nextDay(2.1, 12)).toBe(2);
    expect(nextDay(2.5, 0)).toBe(2);
  });
});
