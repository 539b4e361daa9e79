import type { WatchMetric, WatchMetricOf } from '@sluice/contracts';
import { askBeginnings, type Beginnings, type Counted } from './ask-counts.js';
import { kindOfMetric, type SeriesKind, type SeriesMetric, type SeriesOf } from './measured.js';
import type { WatchedSources } from './watched-sources.js';

/** A series that a watch has. */
export interface FoundSeries {
  /** Which one within the watch; empty for the only or total one. */
  series: string;
  metric: SeriesMetric;
  /** Undefined: not known, because the saved query cannot be asked. */
  kind: SeriesKind | undefined;
  /** When there was first something to count or to measure, as far as was looked. */
  begunMs: number;
}

export interface SearchRange {
  fromMs: number;
  /** Default: up to what came last. */
  toMs?: number | undefined;
}

const MAX_CURRENCIES = 5;

type CountedMetric = Exclude<WatchMetric, { kind: 'health' | 'saved' }>;

/**
 * The series of a watch on events that have begun in a range, those with the most first. Before its first event nobody can
 * say whether a series is silent or not there yet, so it has not begun.
 */
export async function findCountedSeries(
  metric: CountedMetric,
  range: SearchRange,
  sources: Pick<WatchedSources, 'statement' | 'ask'>,
): Promise<FoundSeries[]> {
  switch (metric.kind) {
    case 'events': {
      const { event, type, bots } = metric;
      const begun = await findBegun(
        { of: 'events', type, bots },
        { by: 'all', limit: 1, event },
        range,
        sources,
      );
      return begun.map(({ begunMs }) => foundOf('', { kind: 'events', event, type, bots }, begunMs));
    }
    case 'every_event': {
      const { limit, bots } = metric;
      const counted = { of: 'events', type: null, bots } as const;
      const total = await findBegun(counted, { by: 'all', limit: 1 }, range, sources);
      if (total.length === 0) return [];
      const named = await findBegun(counted, { by: 'name', limit }, range, sources);
      const metricOf = (event: string | null) => ({ kind: 'events', event, type: null, bots }) as const;
      return [
        ...total.map(({ begunMs }) => foundOf('', metricOf(null), begunMs)),
        ...named.map(({ name, begunMs }) => foundOf(name, metricOf(name), begunMs)),
      ];
    }
    case 'revenue': {
      const { currency, bots } = metric;
      const search = { by: 'name', limit: MAX_CURRENCIES, currency } as const;
      const begun = await findBegun({ of: 'revenue', bots }, search, range, sources);
      return begun.map(({ name, begunMs }) =>
        foundOf(name, { kind: 'revenue', currency: name, bots }, begunMs),
      );
    }
  }
}

/** The one series of a saved query, which begins with the project's first event. */
export async function findSavedSeries(
  projectId: number,
  metric: WatchMetricOf<'saved'>,
  range: SearchRange,
  sources: Pick<WatchedSources, 'statement' | 'ask' | 'saved'>,
): Promise<(FoundSeries & { metric: SeriesOf<'saved'> })[]> {
  const anything = { of: 'events', type: null, bots: 'include' } as const;
  const [begun] = await findBegun(anything, { by: 'all', limit: 1 }, range, sources);
  if (begun === undefined) return [];
  const { name, parameters } = metric;
  const asked = { name, parameters, series: metric.series ?? null };
  const kind = await sources.saved.kind({ projectId, ...asked });
  return [{ series: '', metric: { kind: 'saved', ...asked }, kind, begunMs: begun.begunMs }];
}

function foundOf(
  series: string,
  metric: SeriesOf<'events'> | SeriesOf<'revenue'>,
  begunMs: number,
): FoundSeries {
  return { series, metric, kind: kindOfMetric(metric), begunMs };
}

async function findBegun(
  counted: Counted,
  search: Omit<Beginnings, 'range'>,
  range: SearchRange,
  { statement, ask }: Pick<WatchedSources, 'statement' | 'ask'>,
): Promise<{ name: string; begunMs: number }[]> {
  const rows = await ask(askBeginnings(statement(), counted, { ...search, range }));
  return rows.map(({ name, first }) => ({ name, begunMs: first }));
}
