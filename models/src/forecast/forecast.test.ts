import { describe, expect, it } from 'vitest';
import { createRandom } from '../random/index.js';
import { createBands, horizonOf, horizonsOf } from './bands.js';
import { foresee, neededHistory, type Forecast, type ForecastOptions } from './forecast.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A Monday. */
const START_MS = Date.UTC(2024, 0, 1);

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

function poisson(mean: number, random: () => number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; product *= random()) count += 1;
  return Math.max(0, count);
}

/** Mean 1 or so; quiet nights and week ends. */
function shape(ms: number): number {
  const hour = (ms % DAY_MS) / HOUR_MS;
  const isWeekend = Math.floor((ms - START_MS) / DAY_MS) % 7 >= 5;
  return (1 - 0.7 * Math.cos((2 * Math.PI * (hour - 4)) / 24)) * (isWeekend ? 0.6 : 1.1);
}

type Made = Extract<Forecast, { kind: 'forecast' }>;

function made(forecast: Forecast): Made {
  if (forecast.kind !== 'forecast') throw new Error(forecast.kind);
  return forecast;
}

function optionsOf(
  values: readonly (number | null)[],
  interval: ForecastOptions['interval'],
  ahead: number,
): ForecastOptions {
  const stepMs = interval === 'day' ? DAY_MS : interval === 'week' ? 7 * DAY_MS : HOUR_MS;
  const at = (index: number): number => START_MS + index * stepMs;
  return {
    history: values.map((value, index) => ({ startMs: at(index), value })),
    interval,
    ahead: Array.from({ length: ahead }, (_, index) => at(values.length + index)),
  };
}

describe('bands of a forecast', () => {
  const SERIES: Record<string, (ms: number, random: () => number, index: number) => number> = {
    'Poisson counts': (ms, random) => poisson(20 * shape(ms), random),
    'overdispersed counts': (ms, random) =>
      poisson(200 * shape(ms) * Math.exp(0.3 * normal(random) - 0.045), random),
    'counts that grow': (ms, random, index) =>
      poisson(50 * shape(ms) * Math.exp(index / 1_500 + 0.1 * normal(random)), random),
    'counts with outages and peaks': (ms, random, index) =>
      poisson(
        100 * shape(ms) * (index % 211 < 5 ? (index % 2 === 0 ? 0 : 3) : 1) * Math.exp(0.1 * normal(random)),
        random,
      ),
  };
  for (const [name, valueAt] of Object.entries(SERIES)) {
    for (const [interval, stepMs, length, ahead] of [
      ['hour', HOUR_MS, 24 * 42, 48],
      ['day', DAY_MS, 150, 14],
    ] as const) {
      it(`hold about as much as they say of ${name} by the ${interval}, and beat the seasonal naive forecast`, () => {
        const inside = { of80: 0, of95: 0, all: 0 };
        let better = 0;
        const runs = 14;
        for (let seed = 1; seed <= runs; seed += 1) {
          const random = createRandom(seed * 7_919);
          const values = Array.from({ length: length + ahead }, (_, index) =>
            valueAt(START_MS + index * stepMs, random, index),
          );
          const { points, backtest } = made(foresee(optionsOf(values.slice(0, length), interval, ahead)));
          points.forEach(({ lower80, upper80, lower95, upper95 }, index) => {
            const value = values[length + index]!;
            inside.all += 1;
            inside.of80 += Number(value >= lower80 && value <= upper80);
            inside.of95 += Number(value >= lower95 && value <= upper95);
          });
          better += Number(backtest.scaledError! < 1);
        }
        expect(inside.of80 / inside.all).toBeGreaterThan(0.74);
        expect(inside.of80 / inside.all).toBeLessThan(0.91);
        expect(inside.of95 / inside.all).toBeGreaterThan(0.9);
        expect(better).toBeGreaterThanOrEqual(runs - 2);
      });
    }
  }

  it('say in the back-test what they hold of the future', () => {
    const random = createRandom(4);
    const values = Array.from({ length: 24 * 56 }, (_, index) =>
      poisson(30 * shape(START_MS + index * HOUR_MS), random),
    );
    const { backtest } = made(foresee(optionsOf(values, 'hour', 24)));
    expect(backtest.origins).toBeGreaterThan(50);
    expect(backtest.coverage80).toBeGreaterThan(0.74);
    expect(backtest.coverage80).toBeLessThan(0.91);
    expect(backtest.coverage95).toBeGreaterThan(0.91);
  });

  it('contain each other and never grow narrower, measured in what is expected to vary', () => {
    const bands = createBands(40);
    const random = createRandom(1);
    for (let n = 0; n < 2_000; n += 1) bands.note(1 + (n % 40), 25, normal(random));
    let before = 0;
    for (let step = 1; step <= 40; step += 1) {
      const [near, far] = [bands.reach(step, 25, 0.8)!, bands.reach(step, 25, 0.95)!];
      expect(far.above).toBeGreaterThanOrEqual(near.above);
      expect(far.above).toBeGreaterThanOrEqual(before);
      before = far.above;
    }
  });

  it('are of no horizon that has few errors', () => {
    expect(horizonsOf(1)).toBe(1);
    for (const steps of [2, 3, 5, 24, 64, 128, 256, 366]) {
      const last = horizonOf(steps, steps);
      const members = Array.from({ length: steps }, (_, index) => horizonOf(index + 1, steps)).filter(
        (horizon) => horizon === last,
      );
      expect(members.length * 3).toBeGreaterThanOrEqual(steps);
    }
  });
});

describe('a forecast', () => {
  const daily = (length: number, valueAt: (index: number) => number | null) =>
    Array.from({ length }, (_, index) => valueAt(index));

  it('follows the weekdays, the growth and the hours', () => {
    const weekly = daily(120, (day) => [100, 110, 120, 110, 100, 40, 20][day % 7]!);
    const { points, seasonality } = made(foresee(optionsOf(weekly, 'day', 7)));
    const first = 120 % 7;
    points.forEach(({ expected }, index) => {
      expect(Math.abs(expected - [100, 110, 120, 110, 100, 40, 20][(first + index) % 7]!)).toBeLessThan(2);
    });
    expect(seasonality.hours).toBeNull();
    expect(seasonality.weekdays![6]!).toBeCloseTo(20 / (600 / 7), 1);

    const growing = daily(200, (day) => 100 * 1.01 ** day);
    const last = made(foresee(optionsOf(growing, 'day', 7))).points.at(-1)!;
    expect(Math.abs(last.expected / (100 * 1.01 ** 206) - 1)).toBeLessThan(0.08);

    const hourly = daily(24 * 40, (hour) => (hour % 24 === 12 ? 240 : 10));
    const hours = made(foresee(optionsOf(hourly, 'hour', 24)));
    expect(hours.points[12]!.expected).toBeGreaterThan(200);
    expect(hours.points[3]!.expected).toBeLessThan(20);
    expect(hours.seasonality.hours).toHaveLength(24);
    expect(hours.seasonality.hours!.indexOf(Math.max(...hours.seasonality.hours!))).toBe(12);
  });

  it('knows last year’s course when there are two years of history', () => {
    const random = createRandom(9);
    const year = (day: number): number => 100 * (1 + 0.5 * Math.sin((2 * Math.PI * day) / 364));
    const values = daily(900, (day) => poisson(year(day), random));
    const { points } = made(foresee(optionsOf(values, 'day', 60)));
    const off = points.map(({ expected }, index) => Math.abs(expected / year(900 + index) - 1));
    expect(off.reduce((sum, one) => sum + one, 0) / off.length).toBeLessThan(0.12);
  });

  it('goes by local hours', () => {
    // Busy at 9 local time, one hour ahead of UTC; clocks go forward in the middle.
    const change = START_MS + 20 * DAY_MS;
    const offsetAt = (ms: number): number => (ms < change ? HOUR_MS : 2 * HOUR_MS);
    const values = daily(24 * 60, (hour) => {
      const ms = START_MS + hour * HOUR_MS;
      return new Date(ms + offsetAt(ms)).getUTCHours() === 9 ? 500 : 20;
    });
    const { points } = made(foresee({ ...optionsOf(values, 'hour', 24), offsetAt }));
    const busiest = points.reduce((best, point) => (point.expected > best.expected ? point : best));
    expect(new Date(busiest.startMs).getUTCHours()).toBe(7);
  });

  it('is never negative for counts, may be for what can be negative, and takes what is not known as not known', () => {
    const random = createRandom(3);
    const rare = daily(24 * 30, () => poisson(0.3, random));
    for (const { expected, lower95 } of made(foresee(optionsOf(rare, 'hour', 48))).points) {
      expect(expected).toBeGreaterThan(0);
      expect(lower95).toBeGreaterThanOrEqual(0);
    }
    const balance = daily(120, (day) => (day % 7 < 5 ? 10 : -30) + normal(random));
    const { points } = made(foresee(optionsOf(balance, 'day', 7)));
    expect(points.some(({ expected }) => expected < -20)).toBe(true);
    expect(points.some(({ expected }) => expected > 5)).toBe(true);
    const gaps = daily(120, (day) => (day % 10 === 3 ? null : 50));
    for (const { expected } of made(foresee(optionsOf(gaps, 'day', 7))).points)
      expect(expected).toBeCloseTo(50, 0);
  });

  it('is the same each time', () => {
    const random = createRandom(5);
    const values = daily(200, () => poisson(30, random));
    expect(foresee(optionsOf(values, 'day', 10))).toEqual(foresee(optionsOf(values, 'day', 10)));
  });

  it('says why there is none', () => {
    expect(
      foresee(
        optionsOf(
          daily(100, () => 0),
          'day',
          7,
        ),
      ),
    ).toEqual({ kind: 'no_values' });
    const needed = neededHistory('day', 7);
    const short = daily(needed + 10, (day) => (day < 11 ? 0 : 5));
    expect(foresee(optionsOf(short, 'day', 7))).toEqual({
      kind: 'history_too_short',
      needed,
      found: needed - 1,
    });
    const holey = daily(100, (day) => (day % 2 === 0 ? 5 : null));
    expect(foresee(optionsOf(holey, 'day', 7)).kind).toBe('history_has_gaps');
  });

  it('can be made as soon as it says so', () => {
    const random = createRandom(8);
    for (const interval of ['hour', 'day', 'week'] as const) {
      for (const ahead of [1, 2, 7, 64, 256]) {
        const values = daily(neededHistory(interval, ahead), () => 1 + poisson(20, random));
        expect(foresee(optionsOf(values, interval, ahead)).kind, `${interval} ${ahead}`).toBe('forecast');
      }
    }
  });
});
