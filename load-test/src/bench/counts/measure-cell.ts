import { BUCKET_MS, createSeriesMonitor, type MonitorOptions } from '@sluice/models/anomaly';
import { createRandom } from '@sluice/models/random';
import { drawCount } from './draw-count.js';
import { INJECTED, type Injected } from './injected.js';
import { createSeason, ZONE } from './season.js';

export interface Cell {
  interval: 'hour' | 'five_minutes';
  /** Events a bucket, on average over a week. */
  mean: number;
  /** Of single buckets: variance = mean + dispersion·mean². */
  dispersion: number;
}

export interface FoundShare {
  /** Incidents that opened while what was injected lasted, in its direction. */
  found: number;
  /** Those that opened no more than two buckets after the first. */
  foundWithinTwo: number;
  of: number;
  /** Of those found: whole buckets from the first injected one to the one that opened the incident. */
  meanDelayBuckets: number | null;
}

export interface MeasuredCell extends Cell {
  series: number;
  weeks: number;
  /** Incidents in weeks in which nothing was injected, a series and week. */
  falseAlertsPerSeriesWeek: number;
  /** Against the configured rate. */
  falseAlertRatio: number;
  falseAlerts: number;
  expectedFalseAlerts: number;
  found: Record<Injected['name'], FoundShare>;
}

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 1, 2);
const WARM_UP_DAYS = 14;
export const FALSE_ALERTS_PER_MONTH = 1;
/** Injected at a random moment of the fifth week; where an incident is open then, of the week after it. */
const INJECTED_AFTER_DAYS = 28;

/** Measures one cell: series without incidents for `days` after the warm-up, and each kind of incident once a series. */
export function measureCell(cell: Cell, { series, days }: { series: number; days: number }): MeasuredCell {
  const intervalMs = BUCKET_MS[cell.interval];
  const options: MonitorOptions = {
    kind: 'count',
    interval: cell.interval,
    timeZone: ZONE,
    falseAlertsPerMonth: FALSE_ALERTS_PER_MONTH,
  };
  const delays: Record<Injected['name'], (number | null)[]> = { outage: [], drop: [], spike: [], drift: [] };
  let falseAlerts = 0;
  for (let seed = 1; seed <= series; seed++) {
    const season = createSeason(seed, intervalMs);
    const random = createRandom(seed * 1_009 + Math.round(cell.mean * 17 + cell.dispersion * 1e5));
    let injectedMs = chooseMoment(season, random, intervalMs, INJECTED_AFTER_DAYS);
    const monitor = createSeriesMonitor(options);
    let before: Uint8Array | undefined;
    let isOpen = false;
    for (let at = START_MS; at < START_MS + (WARM_UP_DAYS + days) * DAY_MS; at += intervalMs) {
      if (at === injectedMs && !isOpen) before = monitor.save();
      if (at === injectedMs && isOpen) {
        injectedMs = chooseMoment(season, random, intervalMs, (at - START_MS) / DAY_MS + 1);
      }
      const value = drawCount(random, cell.mean * season(at), cell.dispersion);
      const { transition } = monitor.step({ startMs: at, value });
      if (transition.kind === 'opened') falseAlerts += 1;
      isOpen = transition.kind === 'opened' || transition.kind === 'continued';
    }
    for (const injected of INJECTED) {
      const rerun = createSeriesMonitor(options, before);
      let delay: number | null = null;
      for (let since = 0; since < injected.durationMs(intervalMs) && delay === null; since += intervalMs) {
        const startMs = injectedMs + since;
        const mean = cell.mean * season(startMs) * injected.factor(since);
        const { transition } = rerun.step({ startMs, value: drawCount(random, mean, cell.dispersion) });
        if (transition.kind === 'opened' && transition.direction === injected.direction) {
          delay = since / intervalMs;
        }
      }
      delays[injected.name].push(delay);
    }
  }
  const expectedFalseAlerts = (series * days * FALSE_ALERTS_PER_MONTH) / 30;
  return {
    ...cell,
    series,
    weeks: days / 7,
    falseAlertsPerSeriesWeek: falseAlerts / (series * (days / 7)),
    falseAlertRatio: falseAlerts / expectedFalseAlerts,
    falseAlerts,
    expectedFalseAlerts,
    found: {
      outage: shareOf(delays.outage),
      drop: shareOf(delays.drop),
      spike: shareOf(delays.spike),
      drift: shareOf(delays.drift),
    },
  };
}

/**
 * A random bucket of the seven days from `day` on, from which on at least half of the mean is expected for as long as short
 * incidents last.
 */
function chooseMoment(
  season: (ms: number) => number,
  random: () => number,
  intervalMs: number,
  day: number,
): number {
  const lasts = INJECTED[0]!.durationMs(intervalMs) / intervalMs;
  for (;;) {
    const startMs = START_MS + Math.floor(((day + 7 * random()) * DAY_MS) / intervalMs) * intervalMs;
    let isBusy = true;
    for (let i = 0; i < lasts; i++) isBusy &&= season(startMs + i * intervalMs) >= 0.5;
    if (isBusy) return startMs;
  }
}

function shareOf(delays: readonly (number | null)[]): FoundShare {
  const found = delays.filter((delay) => delay !== null);
  return {
    found: found.length,
    foundWithinTwo: found.filter((delay) => delay <= 2).length,
    of: delays.length,
    meanDelayBuckets: found.length === 0 ? null : found.reduce((sum, delay) => sum + delay, 0) / found.length,
  };
}
