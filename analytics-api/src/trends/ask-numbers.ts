import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { ADDITIVE, measureSql } from './measures.js';
import { OTHER_KEY } from '../sql/group-sql.js';
import type { SeriesPlan, SeriesRows } from './series-rows.js';

const numberRow = z.object({
  /** Start of the bucket, milliseconds; meaningless when the row is over all buckets. */
  slot: z.int(),
  over_all_slots: z.int(),
  grp: z.string(),
  over_all_groups: z.int(),
  /** How many parts the value is made of; 0 when there was nothing to measure. */
  parts: z.int(),
  value: z.number().nullable(),
});
export type NumberRow = z.infer<typeof numberRow>;

/**
 * The numbers of a series: for each bucket and over all of them; with `groups` also for each group. Rows are read once, into
 * one part for each bucket and group; totals are made by merging those, so that a person in several buckets is one person
 * in the total.
 *
 * @param isOneBucket Without groups: the bucket is the total, so there is no row over all buckets.
 * @param groups `disjoint`: rows over all groups, too. `overlapping`: a row can be in several groups, so there are none.
 */
export function askNumbers(
  { series, source }: SeriesPlan,
  { statement, sql, keyOf }: SeriesRows,
  groups: 'none' | 'disjoint' | 'overlapping',
  { isOneBucket = false }: { isOneBucket?: boolean } = {},
): ClickHouseQuestion<NumberRow> {
  const measure = measureSql(series);
  const common = { name: `trends-${series.measure}-${source}`, params: statement.params, row: numberRow };
  if (groups === 'none') {
    // What adds up, and what is one bucket, needs no second look at the rows for its total.
    const sets = ADDITIVE.has(series.measure) || isOneBucket ? '(slot)' : '(slot), ()';
    return {
      ...common,
      sql: `
    select slot, grouping(slot) as over_all_slots, '' as grp, 1 as over_all_groups, count() as parts,
      ${measure.whole} as value
    from (${sql})
    group by grouping sets (${sets})`,
    };
  }
  const sets = ['slot, group_value', 'group_value', ...(groups === 'disjoint' ? ['slot', ''] : [])];
  return {
    ...common,
    sql: `
    select slot, grouping(slot) as over_all_slots, ${keyOf('group_value')} as grp,
      grouping(group_value) as over_all_groups, count() as parts, ${measure.merged} as value
    from (select slot, group_value, ${measure.partial} as part from (${sql}) group by slot, group_value)
    group by grouping sets (${sets.map((set) => `(${set})`).join(', ')})`,
  };
}

const togetherRow = numberRow
  .pick({ slot: true, over_all_slots: true, parts: true })
  .extend({ values: z.array(z.number().nullable()) });

/** The numbers of several series that measure one property of the same events, in their order: of each bucket, and over all. */
export function askNumbersTogether(
  plans: readonly SeriesPlan[],
  { statement, sql }: SeriesRows,
): ClickHouseQuestion<z.infer<typeof togetherRow>> {
  const wholes = plans.map(({ series }) => measureSql(series).whole);
  return {
    name: `trends-together-${plans[0]!.source}`,
    params: statement.params,
    row: togetherRow,
    sql: `
    select slot, grouping(slot) as over_all_slots, count() as parts, [${wholes.join(', ')}] as values
    from (${sql})
    group by grouping sets ((slot), ())`,
  };
}

const rankRow = z.object({ grp: z.string() });

/** Each group by itself: `part`, and `parts`, the rows it is made of. */
function partsOfGroups({ series }: SeriesPlan, { sql, keyOf }: SeriesRows): string {
  return `
      select ${keyOf('group_value')} as grp, ${measureSql(series).partial} as part, count() as parts
      from (${sql})
      group by group_value`;
}

/** The largest groups of a series over the whole range, largest first. */
export function askLargestGroups(
  plan: SeriesPlan,
  rows: SeriesRows,
  limit: number,
): ClickHouseQuestion<z.infer<typeof rankRow>> {
  const { series, source } = plan;
  return {
    name: `trends-groups-${series.measure}-${source}`,
    row: rankRow,
    sql: `
    select grp
    from (${partsOfGroups(plan, rows)})
    order by ${measureSql(series).rank} desc, grp
    limit ${rows.statement.bind('UInt32', limit)}`,
    params: rows.statement.params,
  };
}

/**
 * Over one bucket, in one pass: the numbers of the largest groups, largest first, then of all others together; and over all
 * groups.
 *
 * @param startMs Of the bucket.
 */
export function askRankedGroups(
  plan: SeriesPlan,
  rows: SeriesRows,
  { limit, startMs }: { limit: number; startMs: number },
): ClickHouseQuestion<NumberRow> {
  const { series, source } = plan;
  const { statement } = rows;
  const measure = measureSql(series);
  return {
    name: `trends-ranked-${series.measure}-${source}`,
    row: numberRow,
    sql: `
    select ${statement.bind('Int64', startMs)} as slot, 0 as over_all_slots, kept as grp,
      grouping(kept) as over_all_groups, sum(ranked.parts) as parts, ${measure.merged} as value
    from (
      select part, parts, row_number() over (order by ${measure.rank} desc, grp) as place,
        if(place <= ${statement.bind('UInt32', limit)}, grp, '${OTHER_KEY}') as kept
      from (${partsOfGroups(plan, rows)})
    ) as ranked
    group by grouping sets ((kept), ())
    order by min(place)`,
    params: statement.params,
  };
}

const changeRow = z.object({ grp: z.string(), over_all_groups: z.int(), at: z.int(), change: z.int() });
export type ChangeRow = z.infer<typeof changeRow>;

/**
 * Trailing people: how their number changes from bucket to bucket. Somebody active in bucket i counts in the buckets i to
 * i + width - 1; where two such stretches meet or overlap they are one. `at` is the place of a bucket.
 */
export function askTrailingChanges(
  { source }: SeriesPlan,
  { statement, sql, keyOf }: SeriesRows,
  startsMs: readonly number[],
  width: number,
  hasGroups: boolean,
): ClickHouseQuestion<ChangeRow> {
  const starts = statement.bind('Array(Int64)', startsMs);
  const places = statement.bind(
    'Array(Int64)',
    startsMs.map((_start, place) => place),
  );
  const length = statement.bind('Int64', width);
  const sets = hasGroups ? '(grp, person), (person)' : '(person)';
  return {
    name: `trends-trailing-${source}`,
    params: statement.params,
    row: changeRow,
    sql: `
    select grp, over_all_groups, changes.1 as at, sum(changes.2) as change
    from (
      select ${hasGroups ? 'grp, grouping(grp)' : `'' as grp, 1`} as over_all_groups,
        arraySort(groupUniqArray(place)) as active,
        arrayFilter((place, gap) -> gap >= ${length}, active, arrayPushFront(arrayPopFront(arrayDifference(active)), ${length})) as begun,
        arrayFilter((place, gap) -> gap >= ${length}, active, arrayPushBack(arrayPopFront(arrayDifference(active)), ${length})) as ended,
        arrayJoin(arrayConcat(
          arrayMap(place -> (place, toInt64(1)), begun),
          arrayMap(place -> (place + ${length}, toInt64(-1)), ended))) as changes
      from (select ${keyOf('group_value')} as grp, person, transform(slot, ${starts}, ${places}, toInt64(0)) as place from (${sql}))
      group by grouping sets (${sets})
    )
    group by grp, over_all_groups, at
    order by at`,
  };
}
