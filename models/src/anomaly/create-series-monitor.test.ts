import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeriesMonitor } from './create-series-monitor.js';
import { BUCKET_MS, type Judgement, type MonitorOptions, type Point } from './monitor.js';
import { simulateCounts } from './simulated-counts.js';
import { UnusableStateError } from './state-bytes.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);

function countOptions(interval: MonitorOptions['interval'], more: Partial<MonitorOptions> = {}) {
  return { kind: 'count', interval, timeZone: 'UTC', ...more } as const;
}

/** What a monitor says of `days` days, the value of each bucket given by its start. */
function watch(
  options: MonitorOptions,
  days: number,
  valueAt: (startMs: number) => number | null,
): Judgement[] {
  const monitor = createSeriesMonitor(options);
  return bucketsOf(options, days).map((startMs) => monitor.step({ startMs, value: valueAt(startMs) }));
}

function bucketsOf({ interval }: MonitorOptions, days: number): number[] {
  const count = (days * DAY_MS) / BUCKET_MS[interval];
  return Array.from({ length: count }, (_, i) => START_MS + i * BUCKET_MS[interval]);
}

function openings(judgements: readonly Judgement[]) {
  return judgements.flatMap(({ transition, verdict }) =>
    transition.kind === 'opened' ? [{ ...transition, atMs: verdict.startMs }] : [],
  );
}

describe('false alerts of a count monitor', () => {
  // Twelve series of eight weeks after the warm-up, four alerts a month: 90 are expected by configuration. The number is
  // about Poisson, so a rate that is right falls out of the bounds of the factor 1.5 (60 to 135) once in several hundred
  // sets of seeds; the seeds are fixed.
  it.each([
    ['hour', 5, 0],
    ['hour', 50, 0],
    ['hour', 500, 0.05],
  ] as const)(
    'come about as often as configured: %s, %d a bucket, dispersion %d',
    (interval, mean, dispersion) => {
      const falseAlertsPerMonth = 4;
      let opened = 0;
      for (let seed = 1; seed <= 12; seed++) {
        const series = simulateCounts(seed, mean, dispersion);
        const options = countOptions(interval, { falseAlertsPerMonth });
        opened += openings(watch(options, 70, (at) => series.draw(at))).length;
      }
      const expected = (12 * 56 * falseAlertsPerMonth) / 30;
      expect(opened).toBeGreaterThan(expected / 1.5);
      expect(opened).toBeLessThan(expected * 1.5);
    },
  );

  it('come about as often as configured in five minutes', () => {
    let opened = 0;
    for (let seed = 1; seed <= 4; seed++) {
      const series = simulateCounts(seed, 20, 0.02);
      const options = countOptions('five_minutes', { falseAlertsPerMonth: 8 });
      opened += openings(watch(options, 49, (at) => series.draw(at))).length;
    }
    const expected = (4 * 35 * 8) / 30;
    expect(opened).toBeGreaterThan(expected / 1.7);
    expect(opened).toBeLessThan(expected * 1.7);
  });

  it('do not come before the warm-up is over', () => {
    const series = simulateCounts(3, 50);
    const judgements = watch(countOptions('hour'), 14, (at) => series.draw(at, at % DAY_MS === 0 ? 4 : 1));
    expect(openings(judgements)).toEqual([]);
    expect(judgements.slice(0, 48).every(({ verdict }) => verdict.expected === null)).toBe(true);
    expect(judgements.slice(48).every(({ verdict }) => verdict.expected !== null)).toBe(true);
  });

  it('have tail probabilities that are as frequent as they say', () => {
    let below = 0;
    let all = 0;
    for (let seed = 20; seed < 26; seed++) {
      const series = simulateCounts(seed, 40, 0.03);
      for (const { verdict } of watch(countOptions('hour'), 90, (at) => series.draw(at)).slice(35 * 24)) {
        all += 1;
        if (verdict.tailProbability <= 0.05) below += 1;
      }
    }
    // 7,920 buckets: 396 expected, deviation 19 if all is right; five deviations.
    expect(below / all).toBeGreaterThan(0.038);
    expect(below / all).toBeLessThan(0.062);
  });
});

describe('a count monitor', () => {
  const at = (day: number, hour: number): number => START_MS + day * DAY_MS + hour * 3_600_000;
  const isWithin = (ms: number, from: number, to: number): boolean => ms >= from && ms < to;

  it('finds an outage with the first bucket, and its end', () => {
    const series = simulateCounts(1, 80);
    const judgements = watch(countOptions('hour'), 33, (ms) =>
      series.draw(ms, isWithin(ms, at(30, 10), at(30, 16)) ? 0 : 1),
    );
    const opened = openings(judgements).filter(({ atMs }) => atMs >= at(30, 0));
    expect(opened).toEqual([{ kind: 'opened', direction: 'down', sinceMs: at(30, 10), atMs: at(30, 10) }]);
    const resolved = judgements.find(
      ({ transition, verdict }) => transition.kind === 'resolved' && verdict.startMs > at(30, 10),
    );
    expect(resolved?.verdict.startMs).toBe(at(30, 17));
    const { verdict } = judgements[30 * 24 + 10]!;
    expect(verdict).toMatchObject({ observed: 0, direction: 'down', isAnomalous: true });
    expect(verdict.lower).toBeGreaterThan(0);
  });

  it('finds outages and spikes of two events in five minutes by taking buckets together', () => {
    for (const [factor, direction] of [
      [0, 'down'],
      [4, 'up'],
    ] as const) {
      let found = 0;
      for (let seed = 40; seed < 44; seed++) {
        const series = simulateCounts(seed, 2);
        const judgements = watch(countOptions('five_minutes'), 31, (ms) =>
          series.draw(ms, isWithin(ms, at(30, 9), at(30, 12)) ? factor : 1),
        );
        found += openings(judgements).some(
          (each) => each.direction === direction && isWithin(each.atMs, at(30, 9), at(30, 12)),
        )
          ? 1
          : 0;
      }
      expect(found).toBeGreaterThanOrEqual(3);
    }
  });

  it('finds a slow drift, then takes the new level for what is usual', () => {
    const series = simulateCounts(5, 100);
    const drift = (ms: number): number =>
      1 - 0.35 * Math.min(1, Math.max(0, (ms - at(35, 0)) / (7 * DAY_MS)));
    const judgements = watch(countOptions('hour'), 110, (ms) => series.draw(ms, drift(ms)));
    const opened = openings(judgements).filter(({ atMs }) => atMs >= at(35, 0));
    expect(opened[0]?.direction).toBe('down');
    expect(opened[0]?.atMs).toBeLessThan(at(42, 0));
    // 50 days at the new level: two or three alerts would come by chance.
    expect(opened.filter(({ atMs }) => atMs > at(60, 0)).length).toBeLessThanOrEqual(5);
    expect(judgements.at(-1)?.transition.kind).not.toBe('continued');
    const { verdict } = judgements.at(-1)!;
    expect(verdict.expected! / series.mean(verdict.startMs)).toBeCloseTo(0.65, 1);
  });

  it('does not learn from an incident', () => {
    const expectedAfter = (factor: number): number => {
      const series = simulateCounts(6, 3_000);
      const judgements = watch(countOptions('hour'), 38, (ms) =>
        series.draw(ms, isWithin(ms, at(29, 8), at(29, 20)) ? factor : 1),
      );
      // The same hour of the next week.
      return judgements[36 * 24 + 12]!.verdict.expected! / series.mean(at(36, 12));
    };
    for (const factor of [0, 0.5, 1, 4]) expect(Math.abs(expectedAfter(factor) - 1)).toBeLessThan(0.05);
  });

  it('does not know what an unknown bucket held', () => {
    const series = simulateCounts(7, 60);
    const judgements = watch(countOptions('hour'), 30, (ms) =>
      isWithin(ms, at(29, 6), at(29, 18)) ? null : series.draw(ms),
    );
    for (const { verdict, transition } of judgements.slice(29 * 24 + 6, 29 * 24 + 18)) {
      expect(verdict).toMatchObject({ observed: null, tailProbability: 1, isAnomalous: false });
      expect(verdict.expected).toBeGreaterThan(0);
      expect(transition.kind).toBe('none');
    }
    expect(openings(judgements.slice(29 * 24))).toEqual([]);
  });

  it('takes buckets that are left out for unknown ones', () => {
    const series = simulateCounts(8, 60);
    const draws = new Map(bucketsOf(countOptions('hour'), 32).map((ms) => [ms, series.draw(ms)]));
    const isMissing = (ms: number): boolean => isWithin(ms, at(28, 5), at(28, 9));
    const named = createSeriesMonitor(countOptions('hour'));
    const leftOut = createSeriesMonitor(countOptions('hour'));
    const said: [Judgement[], Judgement[]] = [[], []];
    for (const [startMs, value] of draws) {
      said[0].push(named.step({ startMs, value: isMissing(startMs) ? null : value }));
      if (!isMissing(startMs)) said[1].push(leftOut.step({ startMs, value }));
    }
    expect(said[1]).toEqual(said[0].filter(({ verdict }) => !isMissing(verdict.startMs)));
    expect(leftOut.save()).toEqual(named.save());
  });

  it('expects hours by the clock on the wall when clocks change', () => {
    // A hundred an hour from nine to five by the clock of Berlin, which goes forward on 29 March 2026; ten at other times.
    const usual = (ms: number): number => {
      const hour = new Date(ms + (ms < Date.UTC(2026, 2, 29, 1) ? 1 : 2) * 3_600_000).getUTCHours();
      return hour >= 9 && hour < 17 ? 100 : 10;
    };
    const series = simulateCounts(10, 100);
    const options = countOptions('hour', { timeZone: 'Europe/Berlin' });
    const judgements = watch(options, 90, (ms) => series.draw(ms, usual(ms) / series.mean(ms)));
    const change = (Date.UTC(2026, 2, 29) - START_MS) / 3_600_000;
    for (const { verdict } of judgements.slice(change, change + 3 * 24)) {
      expect(verdict.expected! / usual(verdict.startMs)).toBeGreaterThan(0.6);
      expect(verdict.expected! / usual(verdict.startMs)).toBeLessThan(1.6);
    }
    expect(openings(judgements.slice(change, change + 3 * 24))).toEqual([]);
  });

  it('takes a holiday for a Sunday of which it is less sure', () => {
    const isHoliday = (ms: number): boolean => isWithin(ms, at(36, 0), at(37, 0)); // a Tuesday
    const values = (ms: number): number => {
      const hour = (ms % DAY_MS) / 3_600_000;
      const isSunday = new Date(ms).getUTCDay() === 0 || isHoliday(ms);
      return Math.round((isSunday ? 30 : 100) * (1 + 0.3 * Math.sin(hour)) + ((ms / 3_600_000) % 7));
    };
    const told = watch(countOptions('hour', { holidays: ['2026-02-10'] }), 38, values);
    const untold = watch(countOptions('hour'), 38, values);
    expect(openings(told.slice(36 * 24))).toEqual([]);
    expect(openings(untold.slice(36 * 24))).not.toEqual([]);
    const [holiday, sunday] = [told[36 * 24]!.verdict, told[34 * 24]!.verdict];
    expect(holiday.expected).toBeGreaterThan(20);
    expect(holiday.expected).toBeLessThan(50);
    expect(holiday.upper! - holiday.lower!).toBeGreaterThan(1.5 * (sunday.upper! - sunday.lower!));
  });

  it('watches one direction alone when told to', () => {
    const series = simulateCounts(10, 80);
    const judgements = watch(countOptions('hour', { directions: ['down'] }), 32, (ms) =>
      series.draw(ms, isWithin(ms, at(30, 8), at(30, 14)) ? 4 : 1),
    );
    expect(openings(judgements).filter(({ direction }) => direction === 'up')).toEqual([]);
    expect(judgements[30 * 24 + 9]?.verdict).toMatchObject({ direction: 'up', isAnomalous: false });
  });

  it('takes the second direction for an incident of its own', () => {
    const series = simulateCounts(11, 200);
    const judgements = watch(countOptions('hour'), 32, (ms) =>
      series.draw(ms, isWithin(ms, at(30, 8), at(30, 12)) ? 0 : isWithin(ms, at(30, 12), at(30, 16)) ? 4 : 1),
    );
    const opened = openings(judgements).filter(({ atMs }) => atMs >= at(30, 0));
    expect(opened.map(({ direction }) => direction)).toEqual(['down', 'up']);
  });

  it('watches days', () => {
    const series = simulateCounts(12, 400);
    const judgements = watch(countOptions('day'), 80, (ms) => series.draw(ms, ms === at(70, 0) ? 0.3 : 1));
    expect(openings(judgements).map(({ atMs, direction }) => ({ atMs, direction }))).toContainEqual({
      atMs: at(70, 0),
      direction: 'down',
    });
  });

  it('refuses buckets that are not after the last, and what is no count', () => {
    const monitor = createSeriesMonitor(countOptions('hour'));
    monitor.step({ startMs: START_MS, value: 1 });
    expect(() => monitor.step({ startMs: START_MS, value: 1 })).toThrow(RangeError);
    expect(() => monitor.step({ startMs: at(0, 1), value: -1 })).toThrow(RangeError);
    expect(() => monitor.step({ startMs: at(0, 1), value: Number.NaN })).toThrow(RangeError);
  });

  it('refuses options that say nothing', () => {
    for (const wrong of [
      { falseAlertsPerMonth: 0 },
      { falseAlertsPerMonth: Number.NaN },
      { directions: [] },
      { holidays: ['tomorrow'] },
      { timeZone: 'Mars/Olympus' },
    ]) {
      expect(() => createSeriesMonitor(countOptions('hour', wrong))).toThrow(RangeError);
    }
  });
});

describe('what a monitor says', () => {
  const kinds = fc.constantFrom<MonitorOptions>(
    { kind: 'count', interval: 'hour', timeZone: 'Europe/Berlin', holidays: ['2026-01-06', '2026-01-26'] },
    { kind: 'count', interval: 'quarter_hour', timeZone: 'America/New_York', falseAlertsPerMonth: 20 },
    { kind: 'count', interval: 'day', timeZone: 'UTC' },
    { kind: 'level', interval: 'hour', timeZone: 'Asia/Kolkata' },
  );
  /** Series with gaps, unknown buckets and incidents. */
  const series = fc.record({
    seed: fc.integer({ min: 1, max: 1_000 }),
    mean: fc.constantFrom(0.5, 6, 90),
    length: fc.integer({ min: 400, max: 900 }),
    cuts: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 6 }),
  });

  function pointsOf(
    options: MonitorOptions,
    { seed, mean, length }: { seed: number; mean: number; length: number },
  ) {
    const simulated = simulateCounts(seed, mean, 0.05);
    const points: Point[] = [];
    for (let i = 0; i < length; i++) {
      const startMs = START_MS + i * BUCKET_MS[options.interval];
      if ((i + seed) % 61 === 0) continue;
      const factor = i > 380 && (i + seed) % 97 < 8 ? (seed % 2) * 5 : 1;
      points.push({ startMs, value: (i + seed) % 43 === 0 ? null : simulated.draw(startMs, factor) });
    }
    return points;
  }

  it('is the same after it was saved and continued, bit by bit', () => {
    fc.assert(
      fc.property(kinds, series, (options, of) => {
        const points = pointsOf(options, of);
        const whole = createSeriesMonitor(options);
        let stopped = createSeriesMonitor(options);
        const said: [Judgement[], Judgement[]] = [[], []];
        points.forEach((point, i) => {
          if (of.cuts.includes(i)) {
            whole.learn('false_alarm');
            stopped.learn('false_alarm');
            stopped = createSeriesMonitor(options, stopped.save());
          }
          said[0].push(whole.step(point));
          said[1].push(stopped.step(point));
        });
        expect(said[1]).toEqual(said[0]);
        expect(stopped.save()).toEqual(whole.save());
      }),
      { numRuns: 30 },
    );
  });

  it('does not depend on what comes later', () => {
    fc.assert(
      fc.property(kinds, series, (options, of) => {
        const points = pointsOf(options, of);
        const half = points.slice(0, Math.floor(points.length / 2));
        const judge = (all: readonly Point[]): Judgement[] => {
          const monitor = createSeriesMonitor(options);
          return all.map((point) => monitor.step(point));
        };
        expect(judge(points).slice(0, half.length)).toEqual(judge(half));
      }),
      { numRuns: 20 },
    );
  });

  it('is kept in a few tens of kilobytes', () => {
    const options = countOptions('five_minutes');
    const monitor = createSeriesMonitor(options);
    const simulated = simulateCounts(1, 10);
    for (const startMs of bucketsOf(options, 20)) monitor.step({ startMs, value: simulated.draw(startMs) });
    expect(monitor.save().length).toBeLessThan(24_000);
  });

  it('is refused from a state of another series, version or making', () => {
    const saved = createSeriesMonitor(countOptions('hour')).save();
    const refuses = (options: MonitorOptions, state: Uint8Array): void => {
      expect(() => createSeriesMonitor(options, state)).toThrow(UnusableStateError);
    };
    refuses(countOptions('five_minutes'), saved);
    refuses({ ...countOptions('hour'), kind: 'level' }, saved);
    refuses(countOptions('hour'), saved.slice(0, -1));
    refuses(countOptions('hour'), new Uint8Array([...saved, 0]));
    refuses(countOptions('hour'), new Uint8Array());
    const otherVersion = saved.slice();
    new DataView(otherVersion.buffer).setFloat64(8 + 'sluice-series-monitor'.length, 9, true);
    expect(() => createSeriesMonitor(countOptions('hour'), otherVersion)).toThrow('Version 9');
  });
});
