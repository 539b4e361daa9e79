import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Point } from '../monitor.js';
import { createEnsembleDetector, type EnsembleOptions } from './ensemble-detector.js';
import { createNormal, dailyPoints, FIVE_MINUTES_MS, pointsOf, START_MS } from './test-series.js';

function run(points: readonly Point[], options: EnsembleOptions = {}) {
  const detector = createEnsembleDetector(options);
  return points.map((point) => detector.step(point));
}

/** Alerts in so many series of 30 days after three of learning, of white noise or of noise that remembers itself. */
function falseAlerts(series: number, options: EnsembleOptions, memory = 0): number {
  const [learning, month] = [864, 8_640];
  let alerts = 0;
  for (let seed = 1; seed <= series; seed++) {
    const normal = createNormal(seed);
    let value = 0;
    const points = pointsOf(learning + month, () => (value = memory * value + normal()));
    alerts += run(points, options)
      .slice(learning)
      .filter(({ alert }) => alert).length;
  }
  return alerts;
}

describe('ensemble detector', () => {
  it('says of a point what it said before later points were known', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.constant(null)), {
          maxLength: 300,
        }),
        fc.nat(300),
        (values, cut) => {
          const points = pointsOf(values.length, (index) => values[index]!);
          expect(run(points.slice(0, cut))).toEqual(run(points).slice(0, cut));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('continues from a saved state as if it had never stopped, bit by bit', () => {
    const points = dailyPoints(2_500, 3).map((point, index) =>
      index % 97 === 0 ? { ...point, value: null } : point,
    );
    const whole = createEnsembleDetector({ timeZone: 'Asia/Kolkata' });
    let detector = createEnsembleDetector({ timeZone: 'Asia/Kolkata' });
    for (const [index, point] of points.entries()) {
      if (index % 101 === 0) detector = createEnsembleDetector({ timeZone: 'Asia/Kolkata' }, detector.save());
      expect(detector.step(point)).toEqual(whole.step(point));
    }
    expect(detector.save()).toEqual(whole.save());
    expect(whole.save().length).toBeLessThan(40_000);
  });

  it('refuses a state of another kind, and options that are none', () => {
    const saved = createEnsembleDetector().save();
    expect(() => createEnsembleDetector({}, saved.slice(1))).toThrow(RangeError);
    expect(() => createEnsembleDetector({}, saved.fill(9, 0, 4))).toThrow(RangeError);
    expect(() => createEnsembleDetector({ falseAlertsPerMonth: 0 })).toThrow(RangeError);
    expect(() => createEnsembleDetector({ intervalMs: Number.NaN })).toThrow(RangeError);
    expect(() => createEnsembleDetector({ timeZone: 'Mars/Olympus' })).toThrow(RangeError);
  });

  it('alerts by chance about as often as it may', () => {
    // Of a Poisson number with mean m, 99.9 % lie within 3.3 √m; the table itself is known to a tenth.
    for (const [rate, series] of [
      [14, 3],
      [5, 4],
    ] as const) {
      const expected = rate * series;
      const found = falseAlerts(series, { falseAlertsPerMonth: rate });
      expect(found).toBeGreaterThan(0.9 * expected - 3.3 * Math.sqrt(expected));
      expect(found).toBeLessThan(1.1 * expected + 3.3 * Math.sqrt(expected));
    }
  });

  it('alerts by chance less than twice as often where noise remembers itself', () => {
    expect(falseAlerts(4, { falseAlertsPerMonth: 6 }, 0.9)).toBeLessThan(2 * 24);
  });

  it('finds a level that rises, a rhythm that stops and a noise that grows, soon', () => {
    const changes: ((point: Point, index: number) => number)[] = [
      ({ value }) => value! + 60,
      () => 100,
      ({ value }, index) => value! + (index % 2 === 0 ? 40 : -40),
    ];
    for (const change of changes) {
      const points = dailyPoints(4_032, 11).map((point, index) =>
        index >= 3_800 ? { ...point, value: change(point, index) } : point,
      );
      const alerts = run(points).flatMap(({ alert }, index) => (alert && index >= 3_800 ? [index] : []));
      expect(alerts[0]).toBeLessThan(3_800 + 144);
    }
  });

  it('says nothing while it has seen little, and of values that are not known', () => {
    const verdicts = run(pointsOf(50, (index) => (index === 40 ? null : index === 45 ? 1e9 : 5)));
    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ tailProbability: 1, isAnomalous: false, alert: false });
    }
    expect(verdicts[0]).toMatchObject({ expected: null, lower: null, upper: null, direction: null });
    expect(verdicts[40]).toMatchObject({ observed: null, expected: 5 });
  });

  it('expects the usual value of the time of day, within a band that few values leave', () => {
    const points = dailyPoints(8_640, 21);
    const verdicts = run(points).slice(4_320);
    const inside = verdicts.filter(
      ({ observed, lower, upper }) => observed! >= lower! && observed! <= upper!,
    );
    expect(inside.length / verdicts.length).toBeGreaterThan(0.99);
    for (const [index, { expected, lower, upper }] of verdicts.entries()) {
      const usual = 100 + 20 * Math.sin(((index + 4_320) / 288) * 2 * Math.PI);
      expect(Math.abs(expected! - usual)).toBeLessThan(8);
      expect(upper! - lower!).toBeLessThan(40);
    }
  });

  it('expects no value below zero of a series that never had one', () => {
    const normal = createNormal(2);
    for (const { expected, lower } of run(pointsOf(500, () => Math.max(0, normal())))) {
      expect(expected ?? 0).toBeGreaterThanOrEqual(0);
      expect(lower ?? 0).toBeGreaterThanOrEqual(0);
    }
  });

  it('stays finite when nothing varies, when values are huge, and when points come at odd times', () => {
    const odd = [
      ...pointsOf(300, () => 0),
      ...pointsOf(300, (index) => (index % 50 === 0 ? 1e300 : -1e-300)),
    ].map(({ value }, index) => ({
      startMs: START_MS + index * FIVE_MINUTES_MS + (index % 7) * 1_000,
      value,
    }));
    for (const { tailProbability } of run(odd)) {
      expect(tailProbability).toBeGreaterThanOrEqual(0);
      expect(tailProbability).toBeLessThanOrEqual(1);
    }
  });
});
