import type { Bots, EventType, HealthSignal, Measure } from '@sluice/contracts';
import type { Direction, MonitorOptions, WatchInterval } from '@sluice/models/anomaly';

/** What one series of a watch measures. */
export type SeriesMetric =
  | { kind: 'events'; event: string | null; type: EventType | null; bots: Bots }
  | { kind: 'health'; signal: HealthSignal }
  | { kind: 'revenue'; currency: string; bots: Bots }
  | { kind: 'saved'; name: string; parameters: Record<string, string | string[]>; series: string | null };

export type SeriesOf<K extends SeriesMetric['kind']> = Extract<SeriesMetric, { kind: K }>;

/** Which monitor judges a series: a model of counts, or an ensemble. */
export type SeriesKind = MonitorOptions['kind'];

/** Whole numbers of things that happen by themselves; others are levels. */
const COUNTED: ReadonlySet<Measure> = new Set(['count', 'unique_users', 'unique_sessions']);

export function kindOfMeasure(measure: Measure): SeriesKind {
  return COUNTED.has(measure) ? 'count' : 'level';
}

/** Of saved queries it follows from what they ask: see `AskSaved`. */
export function kindOfMetric(metric: Exclude<SeriesMetric, { kind: 'saved' }>): SeriesKind {
  switch (metric.kind) {
    case 'events':
      return 'count';
    case 'health':
      return metric.signal === 'lag' ? 'level' : 'count';
    case 'revenue':
      return 'level';
  }
}

/** The monitor of a series of a watch. */
export function monitorOptionsOf(
  watch: {
    interval: WatchInterval;
    timezone: string;
    holidays: readonly string[];
    falseAlertsPerMonth: number;
    directions: readonly Direction[];
  },
  kind: SeriesKind,
): MonitorOptions {
  return {
    kind,
    interval: watch.interval,
    timeZone: watch.timezone,
    holidays: watch.holidays,
    falseAlertsPerMonth: watch.falseAlertsPerMonth,
    directions: watch.directions,
  };
}
