import { z } from 'zod';
import type { ClickHouseQuestion, PostgresQuestion } from '../query-port/run-query.js';

const storedRow = z.object({
  minute: z.date(),
  logged: z.int(),
  landed: z.int(),
  duplicates: z.int(),
  dead_lettered: z.int(),
  rejected: z.int(),
  erased: z.int(),
  raw_rows: z.int(),
  pending_rows: z.int(),
});
export type StoredRow = z.infer<typeof storedRow>;

/** By minute of receipt, as one snapshot: what the ledger says, and what is stored. */
export function askStored(projectId: number, fromMs: number, toMs: number): PostgresQuestion<StoredRow> {
  return {
    name: 'audit-stored',
    sql: `
      with entries as (
        select minute, sum(logged) as logged, sum(landed) as landed, sum(duplicates) as duplicates,
          sum(dead_lettered) as dead_lettered, sum(rejected) as rejected, sum(erased) as erased
        from ledger
        where project_id = $1 and minute >= to_timestamp($2 / 1000.0) and minute < to_timestamp($3 / 1000.0)
        group by minute
      ), stored as (
        select date_bin('1 minute', received_at, 'epoch'::timestamptz) as minute, count(*) as rows,
          count(*) filter (where batch_id = any (array(select batch_id from batches where state = 'pending'))) as pending
        from events
        where project_id = $1
          and received_at >= to_timestamp($2 / 1000.0) and received_at < to_timestamp($3 / 1000.0)
        group by 1
      )
      select minute,
        coalesce(logged, 0)::bigint as logged, coalesce(landed, 0)::bigint as landed,
        coalesce(duplicates, 0)::bigint as duplicates, coalesce(dead_lettered, 0)::bigint as dead_lettered,
        coalesce(rejected, 0)::bigint as rejected, coalesce(erased, 0)::bigint as erased,
        coalesce(stored.rows, 0)::bigint as raw_rows, coalesce(stored.pending, 0)::bigint as pending_rows
      from entries full join stored using (minute)
      order by minute`,
    params: [projectId, fromMs, toMs],
    row: storedRow,
  };
}

/** While something is taken out of ClickHouse, rows that Postgres has no more may be there still. */
const BEING_ERASED = `(exists (select from erasures where project_id = $1 and state = 'raw')
  or exists (select from expiries where project_id = $1 and state = 'running'))`;

const landedRow = z.object({ minute: z.date(), landed: z.int(), at_most: z.int() });

/**
 * What the ledger says has landed, by minute of receipt: read again after the rollups. \`at_most\`: with what is being erased.
 */
export function askLanded(
  projectId: number,
  fromMs: number,
  toMs: number,
): PostgresQuestion<z.infer<typeof landedRow>> {
  return {
    name: 'audit-landed',
    sql: `
      select minute, sum(landed)::bigint as landed,
        sum(landed + case when ${BEING_ERASED} then erased else 0 end)::bigint as at_most
      from ledger
      where project_id = $1 and minute >= to_timestamp($2 / 1000.0) and minute < to_timestamp($3 / 1000.0)
      group by minute`,
    params: [projectId, fromMs, toMs],
    row: landedRow,
  };
}

const projectRow = z.object({ landed: z.int(), at_most: z.int(), pending: z.int() });

/** All that has ever landed of a project, and how much of it is not rolled up yet, as one snapshot. */
export function askProjectLanded(projectId: number): PostgresQuestion<z.infer<typeof projectRow>> {
  return {
    name: 'audit-project-landed',
    sql: `
      select
        (select coalesce(sum(landed), 0)::bigint from ledger where project_id = $1) as landed,
        (select coalesce(sum(landed + case when ${BEING_ERASED} then erased else 0 end), 0)::bigint
         from ledger where project_id = $1) as at_most,
        (select coalesce(sum((project_rows ->> $2)::bigint), 0)::bigint from batches where state = 'pending') as pending`,
    params: [projectId, String(projectId)],
    row: projectRow,
  };
}

const receiptsRow = z.object({ minute_ms: z.int(), events: z.int() });

/** Rows that ClickHouse has, by minute of receipt. */
export function askReceipts(
  database: string,
  projectId: number,
  fromMs: number,
  toMs: number,
): ClickHouseQuestion<z.infer<typeof receiptsRow>> {
  return {
    name: 'audit-receipts',
    sql: `
      select toInt64(toUnixTimestamp(minute)) * 1000 as minute_ms, sum(events) as events
      from {db:Identifier}.receipts_1m
      where project_id = {project:UInt32}
        and minute >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
        and minute < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
      group by minute`,
    params: { db: database, project: projectId, from: fromMs, to: toMs },
    row: receiptsRow,
  };
}

const rollupsRow = z.object({
  events: z.int(),
  receipts_1m: z.int(),
  counts_15m: z.int(),
  user_days: z.int(),
  active_days: z.int(),
});
export type RollupsRow = z.infer<typeof rollupsRow>;

/** How many events of a project each table has counted. */
export function askRollupTotals(database: string, projectId: number): ClickHouseQuestion<RollupsRow> {
  const sum = (table: string): string =>
    `(select sum(events) from {db:Identifier}.${table} where project_id = {project:UInt32})`;
  return {
    name: 'audit-rollups',
    sql: `
      select
        (select count() from {db:Identifier}.events where project_id = {project:UInt32}) as events,
        ${sum('receipts_1m')} as receipts_1m,
        ${sum('counts_15m')} as counts_15m,
        ${sum('user_days')} as user_days,
        ${sum('active_days')} as active_days`,
    params: { db: database, project: projectId },
    row: rollupsRow,
  };
}
