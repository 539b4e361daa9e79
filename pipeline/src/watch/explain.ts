import { botConditions, type SeriesMetric, type SeriesOf } from '@sluice/analytics-api/watched';
import { z } from 'zod';
import type { Sources } from './ask-values.js';
import type { EvidenceItem } from './fold-incidents.js';

/** What a change is broken down by. `event` only where all events are counted together. */
const FIELDS = [
  'country',
  'device_type',
  'browser',
  'os',
  'page_path',
  'utm_source',
  'referrer_domain',
  'library',
] as const;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const WEEKS = 4;
/** Values of one field that are looked at, those with the most now or before. */
const VALUES = 100;
const SHOWN = 8;
const SHOWN_OF_FIELD = 3;
/** A value explains something when it has at least this share of the change … */
const LEAST_SHARE = 0.1;
/** … and this much more than the share it has of everything: when all is gone, no value is to blame. */
const LEAST_EXCESS = 0.1;

const row = z.object({ field: z.string(), value: z.string(), observed: z.number(), before: z.number() });
export type BreakdownRow = z.infer<typeof row>;

export type ExplainedMetric = SeriesOf<'events'> | SeriesOf<'revenue'>;

export function canExplain(metric: SeriesMetric): metric is ExplainedMetric {
  return metric.kind === 'events' || metric.kind === 'revenue';
}

/**
 * Which values of which fields explain that a series is out of the ordinary in a time: compared with the same time of the
 * last four weeks as far as the series goes back; with the same time of the last days where it does not reach a week back.
 * Empty when nothing stands out, or there is nothing to compare with.
 */
export async function explain(
  metric: ExplainedMetric,
  range: { fromMs: number; toMs: number; firstMs: number },
  { ask, statement }: Pick<Sources, 'ask' | 'statement'>,
): Promise<EvidenceItem[]> {
  const before = comparedTimes(range);
  if (before.length === 0) return [];
  const isTotal = metric.kind === 'events' && metric.event === null;
  const fields = [...(isTotal ? ['event'] : []), ...FIELDS];
  const times = [{ fromMs: range.fromMs, toMs: range.toMs }, ...before];
  const within = (index: number): string =>
    `(timestamp >= fromUnixTimestamp64Milli({from_${index}:Int64}, 'UTC') and timestamp < fromUnixTimestamp64Milli({to_${index}:Int64}, 'UTC'))`;
  const weight = metric.kind === 'revenue' ? 'toFloat64(ifNull(revenue, 0))' : 'toFloat64(1)';
  const conditions = [
    'project_id = {project:UInt32}',
    `(${times.map((_, index) => within(index)).join(' or ')})`,
    ...botConditions(metric.bots),
    ...(metric.kind === 'revenue' ? ['revenue is not null', 'currency = {currency:String}'] : []),
    ...(metric.kind === 'events' && metric.event !== null ? ['event = {event:String}'] : []),
    ...(metric.kind === 'events' && metric.type !== null ? ['type = {type:String}'] : []),
  ];
  const rows = await ask({
    name: 'explain',
    sql: `
      select field, value, sum(now_weight) as observed, sum(before_weight) as before
      from (
        select arrayJoin([${fields.map((field) => `('${field}', toString(${field}))`).join(', ')}]) as pair,
          pair.1 as field, pair.2 as value, ${within(0)} as is_now,
          if(is_now, ${weight}, 0) as now_weight, if(is_now, 0, ${weight}) as before_weight
        from {db:Identifier}.events
        where ${conditions.join(' and ')}
      )
      group by field, value
      order by greatest(observed, before / {times:UInt32}) desc, value
      limit {values:UInt32} by field`,
    params: {
      ...statement().params,
      times: before.length,
      values: VALUES,
      event: metric.kind === 'events' ? (metric.event ?? '') : '',
      type: metric.kind === 'events' ? (metric.type ?? '') : '',
      currency: metric.kind === 'revenue' ? metric.currency : '',
      ...Object.fromEntries(
        times.flatMap(({ fromMs, toMs }, index) => [
          [`from_${index}`, fromMs],
          [`to_${index}`, toMs],
        ]),
      ),
    },
    row,
  });
  return pickEvidence(rows, before.length);
}

/** The same time of the weeks before, or of the days before. */
export function comparedTimes(range: {
  fromMs: number;
  toMs: number;
  firstMs: number;
}): { fromMs: number; toMs: number }[] {
  const { fromMs, toMs, firstMs } = range;
  // A time that overlaps the incident itself would be compared with itself.
  const back = (stepMs: number, most: number): { fromMs: number; toMs: number }[] =>
    Array.from({ length: most }, (_, index) => (index + 1) * stepMs)
      .filter((ms) => fromMs - ms >= firstMs && toMs - ms <= fromMs)
      .map((ms) => ({ fromMs: fromMs - ms, toMs: toMs - ms }));
  const weeks = back(WEEK_MS, WEEKS);
  return weeks.length > 0 ? weeks : back(DAY_MS, 6);
}

/** The values that have more of the change than of everything, those with the most more first. */
export function pickEvidence(rows: readonly BreakdownRow[], times: number): EvidenceItem[] {
  const totals = new Map<string, { observed: number; expected: number }>();
  for (const { field, observed, before } of rows) {
    const total = totals.get(field) ?? { observed: 0, expected: 0 };
    totals.set(field, {
      observed: total.observed + observed,
      expected: total.expected + before / times,
    });
  }
  const items = rows.flatMap(({ field, value, observed, before }) => {
    const total = totals.get(field)!;
    const expected = before / times;
    const change = total.observed - total.expected;
    if (change === 0) return [];
    const share = (observed - expected) / change;
    const usual = total.expected === 0 ? 0 : expected / total.expected;
    const item = { field, value, observed, expected, share };
    return share >= LEAST_SHARE && share - usual >= LEAST_EXCESS ? [{ item, excess: share - usual }] : [];
  });
  items.sort((a, b) => b.excess - a.excess || (a.item.field < b.item.field ? -1 : 1));
  const perField = new Map<string, number>();
  const picked: EvidenceItem[] = [];
  for (const { item } of items) {
    const already = perField.get(item.field) ?? 0;
    if (already >= SHOWN_OF_FIELD || picked.length >= SHOWN) continue;
    perField.set(item.field, already + 1);
    picked.push(item);
  }
  return picked;
}
