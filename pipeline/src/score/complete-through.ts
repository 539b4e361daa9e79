import type { EventLog } from '@sluice/event-log';
import type pg from 'pg';

/**
 * The instant before which every accepted event is rolled up, milliseconds; undefined when that is known for none. See
 * land/completeness.ts for what it is made of.
 */
export async function readCompleteThrough(
  pool: pg.Pool,
  log: Pick<EventLog, 'id' | 'partitionCount'>,
): Promise<number | undefined> {
  const found = await pool.query<{ complete_through: Date | null }>(
    `with landing as (
       select count(*) as partitions, count(complete_through) as known, min(complete_through) as through
       from log_offsets where log_id = $1
     ), pending as (
       select count(*) as batches, count(received_from) as known, min(received_from) as since
       from batches where state = 'pending'
     ), spooled as (
       select min(s.oldest_receipt_at) as since from spools s, landing l
       where s.messages > 0 or l.through is null or s.updated_at > l.through
     )
     select case when l.known = l.partitions and l.partitions >= $2 and p.known = p.batches
       then least(l.through, p.since, s.since) end as complete_through
     from landing l, pending p, spooled s`,
    [log.id, log.partitionCount],
  );
  return found.rows[0]?.complete_through?.getTime();
}
