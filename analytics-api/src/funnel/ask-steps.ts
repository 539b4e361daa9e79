import type { FunnelQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { OTHER_KEY } from '../sql/group-sql.js';
import type { CalendarBucket } from '../time/buckets.js';
import { slotSql } from '../time/slot-sql.js';
import type { Journeys } from './journeys.js';

const stepsRow = z.object({
  grp: z.string(),
  over_all_groups: z.int(),
  /** People who came at least as far as each step. */
  users: z.array(z.int()),
  /** Milliseconds of all who did it together: for each step but the first since the one before, then for the whole way. */
  sums: z.array(z.int()),
  /** Median and 90th percentile of each of these; null when nobody did it. */
  quantiles: z.array(z.tuple([z.number().nullable(), z.number().nullable()])),
});
export type StepsRow = z.infer<typeof stepsRow>;

interface Aggregates {
  users: string[];
  sums: string[];
  quantiles: string[];
}

const LEVELS = '(0.5, 0.9)';

/** Numbers of some people. With `asParts`, percentiles are states that can be merged. */
function aggregates({ steps }: FunnelQuery, { asParts }: { asParts: boolean }): Aggregates {
  const numbers = Array.from({ length: steps.length }, (_step, index) => index + 1);
  const later = numbers.slice(1);
  const waits = later.map((step) => ({ ms: `wait${step}`, step }));
  if (later.length > 0)
    waits.push({ ms: later.map((step) => `wait${step}`).join(' + '), step: steps.length });
  const quantile = `quantilesExactInclusive${asParts ? 'StateIf' : 'If'}${LEVELS}`;
  return {
    users: numbers.map((step) => (step === 1 ? 'count()' : `countIf(depth >= ${step})`)),
    sums: waits.map(({ ms, step }) => `sumIf(${ms}, depth >= ${step})`),
    quantiles: waits.map(({ ms, step }) => `${quantile}(${ms}, depth >= ${step})`),
  };
}

const rowSql = ({ users, sums, quantiles }: Aggregates): string =>
  `[${users.join(', ')}] as users, [${sums.join(', ')}] as sums, [${quantiles.join(', ')}] as quantiles`;

/** The numbers of all steps, over everyone. */
export function askSteps(query: FunnelQuery, { statement, sql }: Journeys): ClickHouseQuestion<StepsRow> {
  return {
    name: `funnel-${query.order}`,
    params: statement.params,
    row: stepsRow,
    sql: `
    select '' as grp, 1 as over_all_groups, ${rowSql(aggregates(query, { asParts: false }))}
    from (${sql})`,
  };
}

/** The numbers of all steps for each group of journeys that can overlap: there is no sum of them. */
export function askStepsOfEach(
  query: FunnelQuery,
  { statement, sql, keyOf }: Journeys,
): ClickHouseQuestion<StepsRow> {
  return {
    name: `funnel-${query.order}-cohorts`,
    params: statement.params,
    row: stepsRow,
    sql: `
    select ${keyOf('group_value')} as grp, 0 as over_all_groups, ${rowSql(aggregates(query, { asParts: false }))}
    from (${sql})
    group by group_value`,
  };
}

/** The numbers of all steps for the largest groups, for all others together, and over everyone: journeys are found once. */
export function askStepsByGroup(
  query: FunnelQuery,
  { statement, sql, keyOf }: Journeys,
  limit: number,
): ClickHouseQuestion<StepsRow> {
  const parts = aggregates(query, { asParts: true });
  const named = (['users', 'sums', 'quantiles'] as const).flatMap((kind) =>
    parts[kind].map((part, index) => `${part} as ${kind}${index}`),
  );
  const merged: Aggregates = {
    users: parts.users.map((_part, index) => `sum(users${index})`),
    sums: parts.sums.map((_part, index) => `sum(sums${index})`),
    quantiles: parts.quantiles.map(
      (_part, index) => `quantilesExactInclusiveMerge${LEVELS}(quantiles${index})`,
    ),
  };
  return {
    name: `funnel-${query.order}-groups`,
    params: statement.params,
    row: stepsRow,
    sql: `
    select ifNull(kept, '') as grp, grouping(kept) as over_all_groups, ${rowSql(merged)}
    from (
      select *, if(row_number() over (order by users0 desc, part_key) <= ${statement.bind('UInt32', limit)}, part_key, '${OTHER_KEY}') as kept
      from (select ${keyOf('group_value')} as part_key, ${named.join(', ')} from (${sql}) group by group_value)
    )
    group by grouping sets ((kept), ())`,
  };
}

const trendRow = z.object({ slot: z.int(), entered: z.int(), converted: z.int() });
export type TrendRow = z.infer<typeof trendRow>;

/** How many did the first step in each bucket, and how many of them went on to the last. */
export function askTrend(
  query: FunnelQuery,
  { statement, sql }: Journeys,
  buckets: readonly CalendarBucket[],
): ClickHouseQuestion<TrendRow> {
  return {
    name: `funnel-${query.order}-trend`,
    params: statement.params,
    row: trendRow,
    sql: `
    select ${enteredSlot({ statement }, buckets)} as slot, count() as entered, countIf(depth = ${query.steps.length}) as converted
    from (${sql})
    group by slot`,
  };
}

/** The bucket in which the first step was done, as its start in milliseconds. */
export function enteredSlot(
  { statement }: Pick<Journeys, 'statement'>,
  buckets: readonly CalendarBucket[],
): string {
  const fromMs = statement.bind('Int64', buckets[0]!.startMs);
  return slotSql(statement, `(started_ms + ${fromMs})`, buckets);
}
