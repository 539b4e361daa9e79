import { describe, expect, it } from 'vitest';
import { createRandom } from '../../random/index.js';
import { DriftSums, driftHeight, type DriftReading } from './drift.js';

const DAY_MS = 86_400_000;

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Readings of days whose counts lie so many deviations from what was expected. */
function read(deviations: readonly number[], mean = 10_000): DriftReading[] {
  const sums = new DriftSums();
  const readings: DriftReading[] = [];
  [...deviations, 0].forEach((deviation, day) => {
    // 0.01 is what is believed of the dispersion of days.
    const reading = sums.add(day, day * DAY_MS, mean * (1 + 0.1 * deviation), mean, 0);
    if (reading !== null) readings.push(reading);
  });
  return readings;
}

describe('sums that find drifts', () => {
  it('reach a height by chance once in as many days as asked for', () => {
    const days = 200;
    const height = driftHeight(days);
    const random = createRandom(4);
    let crossings = 0;
    let sum = 0;
    const all = 400_000;
    for (let day = 0; day < all; day++) {
      sum = Math.max(0, sum + normal(random) - 0.5);
      if (sum >= height) {
        crossings += 1;
        sum = 0;
      }
    }
    expect(all / crossings / days).toBeGreaterThan(0.85);
    expect(all / crossings / days).toBeLessThan(1.15);
  });

  it('rise with days that are all a little low, and say since when', () => {
    const readings = read([0.2, -0.3, 0.6, ...Array.from({ length: 12 }, () => -1.3)]);
    const last = readings.at(-1)!;
    expect(last.direction).toBe('down');
    expect(last.sum).toBeGreaterThan(5);
    expect(last.sinceMs).toBe(3 * DAY_MS);
  });

  it('do not rise with days that are high and low by turns', () => {
    const readings = read(Array.from({ length: 40 }, (_, day) => (day % 2 === 0 ? 1.2 : -1.2)));
    expect(Math.max(...readings.map(({ sum }) => sum))).toBeLessThan(2);
  });
});
