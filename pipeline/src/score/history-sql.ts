import type { ChurnDefinition } from '@sluice/contracts';
import { REVENUE_EVENTS } from '../enrich/revenue.js';
import type { LocalDays } from './local-days.js';

/** Whose histories are read, and by which rules. */
export interface HistorySource {
  database: string;
  projectId: number;
  definition: ChurnDefinition;
  /** In which value is counted; null: there is none. */
  currency: string | null;
  /** Whether ids of the project were ever merged. */
  hasMerges: boolean;
  /**
   * Only merges up to this version (microseconds) are applied. Parts of all people that are read one after the other then
   * agree on who is who, whatever is merged meanwhile. Default: all.
   */
  mergesThrough?: string;
  /** Every UTC day that is looked at. */
  days: LocalDays;
}

/** A range of the hashes of people, both ends included. */
export interface HashRange {
  from: bigint;
  to: bigint;
}

export interface HistoryQuestion {
  /** Last local day of the histories. */
  cutoffDay: number;
  /** Last local day on which people are followed: the cutoff, or a later one for labels. */
  followedTo: number;
  people: HashRange;
}

export interface Sql {
  text: string;
  params: Record<string, unknown>;
}

const MERGES = `
  select sipHash64(previous_id) as previous_hash, sipHash64(argMax(user_id, version)) as canonical_hash
  from {db:Identifier}.identities
  where project_id = {project:UInt32} and version <= {merges_through:UInt64}
  group by previous_id`;
const ALL_MERGES = String(2n ** 64n - 1n);

/**
 * The history of everyone in a range of hashes who was active by the cutoff, one row each (history-rows.ts). Reads the rollups of people and
 * days, and of single events only purchases. Merges are applied as they are known now: the ids of a person have one history.
 *
 * A rollup has one number of events for a whole UTC day. Where two local days share it, all of its events are taken to be of
 * the later one: so no history knows of events after its cutoff.
 */
export function historySql(source: HistorySource, { cutoffDay, followedTo, people }: HistoryQuestion): Sql {
  const rows = [activityRows(source), ...(source.currency === null ? [] : [purchaseRows(source)])];
  return {
    params: {
      ...sourceParams(source),
      hash_from: String(people.from),
      hash_to: String(people.to),
      cutoff: cutoffDay,
      followed_to: followedTo,
    },
    text: `
    select
      person,
      toFloat32({cutoff:UInt16} - minIf(at, is_active and at <= {cutoff:UInt16})) as age,
      toFloat32({cutoff:UInt16} - maxIf(at, is_active and at <= {cutoff:UInt16})) as recency,
      toFloat32(toInt64(countIf(is_active and at <= {cutoff:UInt16})) - 1) as repeats,
      toFloat32(countIf(is_active and at <= {cutoff:UInt16} and at + 7 > {cutoff:UInt16})) as active7,
      toFloat32(countIf(is_active and at <= {cutoff:UInt16} and at + 30 > {cutoff:UInt16})) as active30,
      toFloat32(countIf(is_active and at <= {cutoff:UInt16} and at + 90 > {cutoff:UInt16})) as active90,
      toFloat32(greatest(sumIf(n, at <= {cutoff:UInt16}), countIf(is_active and at <= {cutoff:UInt16}))) as events,
      toFloat32(sumIf(v, at <= {cutoff:UInt16} and v > 0)) as value,
      toFloat32(countIf(at <= {cutoff:UInt16} and v > 0)) as value_days,
      toFloat32(if(countIf(is_active and at > {cutoff:UInt16}) = 0, 0,
        toInt32(minIf(at, is_active and at > {cutoff:UInt16})) - {cutoff:UInt16})) as next_active_in
    from (
      select person, at, sum(n) as n, sum(v) as v, max(active) = 1 as is_active
      from (${rows.join('\n      union all\n')})
      where at <= {followed_to:UInt16}
      group by person, at
    )
    group by person
    having countIf(is_active and at <= {cutoff:UInt16}) > 0
    order by person`,
  };
}

/** Rows by day of the source, and how many people have any, both about: what the work of a scoring is measured by. */
export function sizeSql(source: HistorySource): Sql {
  return {
    params: sourceParams(source),
    text: `
    select uniq(actor_hash) as people, count() as rows, toUInt16(quantileExact(0.001)(day)) as first_day
    from (${rowsWithDay(source)})`,
  };
}

/** The currency with most purchases. */
export function currencySql({ database, projectId }: Pick<HistorySource, 'database' | 'projectId'>): Sql {
  return {
    params: { db: database, project: projectId, purchases: REVENUE_EVENTS },
    text: `
    select toString(currency) as currency from {db:Identifier}.events
    where project_id = {project:UInt32} and event in {purchases:Array(String)} and isNotNull(revenue)
    group by currency order by count() desc, currency limit 1`,
  };
}

function sourceParams({
  database,
  projectId,
  definition,
  currency,
  days,
  mergesThrough = ALL_MERGES,
}: HistorySource): Record<string, unknown> {
  const { activity } = definition;
  return {
    db: database,
    project: projectId,
    first_day: days.firstDay,
    last_day: days.lastDay,
    merges_through: mergesThrough,
    day_before: days.before,
    day_after: days.after,
    day_change: days.change,
    ...(activity.kind === 'event' ? { names: activity.events } : {}),
    ...(currency === null ? {} : { purchases: REVENUE_EVENTS, currency }),
  };
}

function activityRows(source: HistorySource): string {
  const { definition, days } = source;
  if (definition.activity.kind === 'session') {
    return select(source, {
      table: '{db:Identifier}.sessions final',
      actor: `tupleElement(actor, 'hash')`,
      columns: `${localDayOf('started_at', days)} as at, toUInt64(events) as n, 0. as v, 1 as active`,
      conditions: [...ofTime('started_at'), ...(definition.bots === 'include' ? [] : ['is_bot = 0'])],
    });
  }
  const byName = definition.activity.kind === 'event';
  return select(source, {
    table: `{db:Identifier}.${byName ? 'user_days' : 'active_days'}`,
    actor: 'actor_hash',
    columns: days.isUtc
      ? 'toUInt16(day) as at, toUInt64(events) as n, 0. as v, 1 as active'
      : `tupleElement(arrayJoin(${LOCAL_PARTS}) as part, 1) as at, tupleElement(part, 2) as n, 0. as v, 1 as active`,
    conditions: [
      'day >= toDate({first_day:UInt16}) and day <= toDate({last_day:UInt16})',
      ...(byName ? ['event in {names:Array(String)}'] : []),
      ...withoutBots(source),
    ],
  });
}

function purchaseRows(source: HistorySource): string {
  return select(source, {
    table: '{db:Identifier}.events',
    actor: 'actor_hash',
    columns: `${localDayOf('timestamp', source.days)} as at, toUInt64(0) as n, toFloat64(assumeNotNull(revenue)) as v, 0 as active`,
    conditions: [
      'event in {purchases:Array(String)} and isNotNull(revenue) and currency = {currency:String}',
      ...ofTime('timestamp'),
      ...withoutBots(source),
    ],
  });
}

interface RowsOf {
  table: string;
  actor: string;
  columns: string;
  conditions: readonly string[];
}

/** Rows of the people in the range of hashes: by their own hash, or by that of an id that was merged into them. */
function select({ hasMerges }: HistorySource, { table, actor, columns, conditions }: RowsOf): string {
  const inRange = (hash: string): string => `${hash} between {hash_from:UInt64} and {hash_to:UInt64}`;
  const where = ['project_id = {project:UInt32}', ...conditions, `${actor} != 0`];
  if (!hasMerges) {
    return `
      select ${actor} as person, ${columns}
      from ${table}
      where ${[...where, inRange(actor)].join(' and ')}`;
  }
  const person = `ifNull(merged.canonical_hash, ${actor})`;
  return `
      select ${person} as person, ${columns}
      from ${table} left any join (${MERGES}) as merged on ${actor} = merged.previous_hash
      where ${[...where, inRange(person)].join(' and ')}
        and (${inRange(actor)} or ${actor} in (select previous_hash from (${MERGES}) where ${inRange('canonical_hash')}))`;
}

function rowsWithDay({ definition }: HistorySource): string {
  const ofDays = 'day >= toDate({first_day:UInt16}) and day <= toDate({last_day:UInt16})';
  const of = (table: string, hash: string, day: string, conditions: readonly string[]): string =>
    `select ${hash} as actor_hash, ${day} as day from ${table}
      where ${['project_id = {project:UInt32}', `${hash} != 0`, ...conditions].join(' and ')}`;
  const bots = definition.bots === 'include' ? [] : ['not is_bot'];
  switch (definition.activity.kind) {
    case 'session':
      return of('{db:Identifier}.sessions final', `tupleElement(actor, 'hash')`, 'toDate(started_at)', [
        ...ofTime('started_at'),
        ...bots,
      ]);
    case 'event':
      return of('{db:Identifier}.user_days', 'actor_hash', 'day', [
        ofDays,
        'event in {names:Array(String)}',
        ...bots,
      ]);
    case 'any_event':
      return of('{db:Identifier}.active_days', 'actor_hash', 'day', [ofDays, ...bots]);
  }
}

const withoutBots = ({ definition }: HistorySource): string[] =>
  definition.bots === 'include' ? [] : ['not is_bot'];

/** Within the UTC days that are looked at. */
function ofTime(column: string): string[] {
  return [
    `${column} >= toDateTime64(toDate({first_day:UInt16}), 3, 'UTC')`,
    `${column} < toDateTime64(toDate({last_day:UInt16}) + 1, 3, 'UTC')`,
  ];
}

/** The local day of an instant. */
function localDayOf(column: string, { isUtc }: LocalDays): string {
  if (isUtc) return `toUInt16(toDate(${column}))`;
  const index = `toUInt16(toDate(${column})) - {first_day:UInt16} + 1`;
  const quarter = `toHour(${column}) * 4 + intDiv(toMinute(${column}), 15)`;
  return `if(${quarter} < {day_change:Array(UInt8)}[${index}],
        {day_before:Array(UInt16)}[${index}], {day_after:Array(UInt16)}[${index}])`;
}

/** The local days that a row of a day has quarters of an hour in, each with its events: those of both are of the later one. */
const LOCAL_PARTS = (() => {
  const index = 'toUInt16(day) - {first_day:UInt16} + 1';
  const change = `{day_change:Array(UInt8)}[${index}]`;
  const half = '281474976710655';
  const am = `bitShiftLeft(toUInt64(1), least(${change}, 48)) - 1`;
  const pm = `bitShiftLeft(toUInt64(1), greatest(${change}, 48) - 48) - 1`;
  const early = `bitAnd(slots_am, ${am}) != 0 or bitAnd(slots_pm, ${pm}) != 0`;
  const late = `bitAnd(slots_am, bitXor(${am}, ${half})) != 0 or bitAnd(slots_pm, bitXor(${pm}, ${half})) != 0`;
  return `arrayFilter(x -> x.3, [
        ({day_before:Array(UInt16)}[${index}], if(${late}, toUInt64(0), toUInt64(events)), ${early}),
        ({day_after:Array(UInt16)}[${index}], toUInt64(events), ${late})])`;
})();
