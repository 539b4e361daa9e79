import type { EventLog } from '@sluice/event-log';
import type pg from 'pg';

export interface RolledUpState {
  /** The generation of the rollups that answers are read from. */
  generation: number;
  /** Every event accepted before this instant is in the rollups. */
  completeThroughMs: number;
}

/**
 * How far the rollups are complete, as one snapshot; see `land/completeness.ts`. Undefined while that is known for no
 * instant. The statement it makes holds for every query that starts after it: events only arrive.
 */
export async function readRolledUpState(
  pool: pg.Pool,
  log: Pick<EventLog, 'id' | 'partitionCount'>,
): Promise<RolledUpState | undefined> {
  const found = await pool.query<{ generation: number | null; complete_through: Date | null }>(
    `with landing as (
       select case when count(*) >= $2 and count(*) = count(complete_through) then min(complete_through) end as through
       from log_offsets where log_id = $1
     ), pending as (
       select count(*) > count(received_from) as is_unknown, min(received_from) as received_from
       from batches where state = 'pending'
     ), spooled as (
       select min(s.oldest_receipt_at) as received_from
       from spools s, landing l
       where s.messages > 0 or l.through is null or s.updated_at > l.through
     )
     select
       (select generation from rollup_generations where state = 'live' order by generation desc limit 1) as generation,
       case when landing.through is not null and not pending.is_unknown
         then least(landing.through, pending.received_from, spooled.received_from) end as complete_through
     from landing, pending, spooled`,
    [log.id, log.partitionCount],
  );
  const { generation, complete_through: through } = found.rows[0]!;
  return generation === null || through === null
    ? undefined
    : { generation, completeThroughMs: through.getTime() };
}
