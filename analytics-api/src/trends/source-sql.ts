import { groupKeySql, OTHER_KEY } from './fields.js';
import { createBinder, filterConditions } from './filters.js';
import type { SeriesPlan } from './plan.js';

/** Rows to count: `slot` is the start of a bucket in milliseconds, `grp` the key of a group. */
export interface SourceSql {
  sql: string;
  params: Record<string, unknown>;
}

/** How the rows of a source fall into groups: not at all, each value its own, or all but the `kept` ones together. */
export type Grouping = 'none' | 'all' | { kept: readonly string[] };

/** Rows with a column `n`: how many events. */
export function eventRows(plan: SeriesPlan, grouping: Grouping): SourceSql {
  const { params, conditions, group } = common(plan, grouping);
  const isRollup = plan.source === 'counts_15m';
  const timeMs = isRollup ? ROLLUP_TIME_MS : EVENT_TIME_MS;
  return {
    params,
    sql: `
      select roundDown(${timeMs}, {starts:Array(Int64)}) as slot, ${group} as grp, ${isRollup ? 'events' : '1'} as n
      from {db:Identifier}.${isRollup ? 'counts_15m' : 'events'}
      where ${[...conditions, ...timeConditions(isRollup ? 'bucket' : 'timestamp')].join('\n        and ')}`,
  };
}

/** Rows with a column `actor`: an id that was active, not yet merged. Rows may repeat. */
export function actorRows(plan: SeriesPlan, grouping: Grouping): SourceSql {
  const { params, conditions, group } = common(plan, grouping);
  const isActor = `actor_id != ''`;
  if (plan.source !== 'user_days') {
    return {
      params,
      sql: `
      select roundDown(${EVENT_TIME_MS}, {starts:Array(Int64)}) as slot, ${group} as grp, actor_id as actor
      from {db:Identifier}.events
      where ${[...conditions, isActor, ...timeConditions('timestamp')].join('\n        and ')}`,
    };
  }
  // A bucket covers quarters lo to hi - 1 of a UTC day; bits of the two masks say in which quarters an id was active.
  return {
    params,
    sql: `
      select span.slot as slot, ${group} as grp, actor_id as actor
      from {db:Identifier}.user_days
      inner join (
        select
          slot,
          toDate(toUInt16(day_number)) as span_day,
          toUInt64(greatest(intDiv(slot, 900000) - day_number * 96, 0)) as lo,
          toUInt64(least(intDiv(slot_end, 900000) - day_number * 96, 96)) as hi,
          bitShiftLeft(toUInt64(1), least(hi, 48)) - bitShiftLeft(toUInt64(1), least(lo, 48)) as am,
          bitShiftLeft(toUInt64(1), greatest(hi, 48) - 48) - bitShiftLeft(toUInt64(1), greatest(lo, 48) - 48) as pm
        from (
          select
            arrayJoin(arrayZip({starts:Array(Int64)}, arrayPushBack(arrayPopFront({starts:Array(Int64)}), {to:Int64}))) as bounds,
            bounds.1 as slot,
            bounds.2 as slot_end,
            arrayJoin(range(intDiv(slot, 86400000), intDiv(slot_end - 1, 86400000) + 1)) as day_number
        )
      ) as span on user_days.day = span.span_day
      where ${[
        ...conditions,
        isActor,
        `day >= toDate(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))`,
        `day <= toDate(fromUnixTimestamp64Milli({to:Int64} - 1, 'UTC'))`,
        `(bitAnd(slots_am, span.am) != 0 or bitAnd(slots_pm, span.pm) != 0)`,
      ].join('\n        and ')}`,
  };
}

const ROLLUP_TIME_MS = 'toInt64(toUnixTimestamp(bucket)) * 1000';
const EVENT_TIME_MS = 'toUnixTimestamp64Milli(timestamp)';

function timeConditions(column: 'bucket' | 'timestamp'): string[] {
  return [
    `${column} >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
    `${column} < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
  ];
}

function common(
  plan: SeriesPlan,
  grouping: Grouping,
): { params: Record<string, unknown>; conditions: string[]; group: string } {
  const { projectId, database, range, startsMs, series, filters, breakdown, bots } = plan;
  const params: Record<string, unknown> = {
    db: database,
    project: projectId,
    from: range.fromMs,
    to: range.toMs,
    starts: [...startsMs],
  };
  const binder = createBinder(params);
  const conditions = ['project_id = {project:UInt32}'];
  if (series.event !== null) conditions.push(`event = ${binder.bind('String', series.event)}`);
  if (series.type !== null) conditions.push(`type = ${binder.bind('String', series.type)}`);
  if (bots !== 'include') conditions.push(bots === 'only' ? 'is_bot' : 'not is_bot');
  conditions.push(...filterConditions(filters, binder));

  let group = `''`;
  if (breakdown !== undefined && grouping !== 'none') {
    const key = groupKeySql(breakdown);
    group =
      grouping === 'all'
        ? key
        : `if(has(${binder.bind('Array(String)', grouping.kept)}, ${key} as group_key), group_key, '${OTHER_KEY}')`;
  }
  return { params, conditions, group };
}
