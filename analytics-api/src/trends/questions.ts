import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import type { SeriesPlan } from './plan.js';
import { actorRows, eventRows, type Grouping, type SourceSql } from './source-sql.js';

const numberRow = z.object({
  /** Start of the bucket, milliseconds; meaningless when the row is over all buckets. */
  slot: z.int(),
  over_all_slots: z.int(),
  grp: z.string(),
  over_all_groups: z.int(),
  value: z.int().nonnegative(),
});
export type NumberRow = z.infer<typeof numberRow>;

const rankRow = z.object({ grp: z.string(), value: z.int().nonnegative() });
export type RankRow = z.infer<typeof rankRow>;

/**
 * The numbers of a series: for each bucket and over all of them, for each group and over all of them. The events are read
 * once, into one sum or set of people for each bucket and group; totals are made by merging those, so that a person in
 * several buckets is one person in the total.
 */
export function askNumbers(plan: SeriesPlan, kept: readonly string[]): ClickHouseQuestion<NumberRow> {
  const hasGroups = plan.breakdown !== undefined;
  const { sql, params, partial, merged } = measured(plan, hasGroups ? { kept } : 'none');
  const sets = hasGroups ? '(slot, grp), (slot), (grp), ()' : '(slot), ()';
  return {
    name: `trends-${plan.series.measure}-${plan.source}`,
    params,
    row: numberRow,
    sql: `
    select slot, grouping(slot) as over_all_slots, ${hasGroups ? 'grp' : `'' as grp`},
      ${hasGroups ? 'grouping(grp)' : '1'} as over_all_groups, ${merged} as value
    from (select slot, grp, ${partial} as part from (${sql}) group by slot, grp)
    group by grouping sets (${sets})`,
  };
}

/** The largest groups of a series over the whole range. */
export function askLargestGroups(plan: SeriesPlan, limit: number): ClickHouseQuestion<RankRow> {
  const { sql, params, whole } = measured(plan, 'all');
  return {
    name: `trends-groups-${plan.series.measure}-${plan.source}`,
    params: { ...params, limit },
    row: rankRow,
    sql: `
    select grp, ${whole} as value
    from (${sql})
    group by grp
    order by value desc, grp
    limit {limit:UInt32}`,
  };
}

/** What is counted: in one step (`whole`), or of parts (`partial`) that are merged later (`merged`). */
interface Measured extends SourceSql {
  whole: string;
  partial: string;
  merged: string;
}

function measured(plan: SeriesPlan, grouping: Grouping): Measured {
  if (plan.series.measure === 'count') {
    return { ...eventRows(plan, grouping), whole: 'sum(n)', partial: 'sum(n)', merged: 'sum(part)' };
  }
  const source = actorRows(plan, grouping);
  return {
    params: source.params,
    whole: 'uniqExact(person)',
    partial: 'uniqExactState(person)',
    merged: 'uniqExactMerge(part)',
    // The person that each id belongs to by now.
    sql: `
      select slot, grp, if(merged.user_id is null, actor, assumeNotNull(merged.user_id)) as person
      from (${source.sql}) as active
      left any join (
        select previous_id, user_id from {db:Identifier}.identities final where project_id = {project:UInt32}
      ) as merged on active.actor = merged.previous_id`,
  };
}
