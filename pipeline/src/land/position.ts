import type { EventLog } from '@sluice/event-log';
import type pg from 'pg';

/** The log and Postgres do not fit together: going on would skip or repeat events without anyone knowing. */
export class LogMismatchError extends Error {
  override name = 'LogMismatchError';
}

/**
 * The offset at which a partition goes on: Postgres's own, never the consumer group's. A partition that was never landed
 * starts with the first record the log still has.
 *
 * @throws LogMismatchError when the log ends before the position (it was lost or replaced), or starts after it (its
 * retention was shorter than the outage).
 */
export async function readPosition(pool: pg.Pool, log: EventLog, partition: number): Promise<number> {
  const [starts, ends] = await Promise.all([log.startOffsets(), log.endOffsets()]);
  const start = starts[partition] ?? 0;
  const end = ends[partition] ?? 0;
  const found = await pool.query<{ next_offset: number | string }>(
    `with made as (
       insert into log_offsets (log_id, "partition", next_offset) values ($1, $2, $3)
       on conflict do nothing returning next_offset
     )
     select next_offset from made
     union all
     select next_offset from log_offsets where log_id = $1 and "partition" = $2`,
    [log.id, partition, start],
  );
  const position = Number(found.rows[0]!.next_offset);
  checkPosition({ logId: log.id, partition, position, start, end });
  return position;
}

export function checkPosition(at: {
  logId: string;
  partition: number;
  position: number;
  start: number;
  end: number;
}): void {
  const { logId, partition, position, start, end } = at;
  if (position > end) {
    throw new LogMismatchError(
      `Partition ${partition} of log ${logId} ends at offset ${end}, but Postgres has landed it up to ${position}: ` +
        `${position - end} records that were landed are gone from the log, so it was lost, cut or restored from an older copy. ` +
        'New records would take offsets that count as landed and would be dropped. Nothing is landed until you choose: restore the log, or, ' +
        `when it is right that it starts anew, set next_offset of log_offsets (log_id '${logId}', partition ${partition}) to ${end}.`,
    );
  }
  if (position < start) {
    throw new LogMismatchError(
      `Partition ${partition} of log ${logId} starts at offset ${start}, but Postgres has landed it only up to ${position}: ` +
        `the ${start - position} offsets between were dropped by the log's retention before they were landed. ` +
        'Nothing is landed until you choose: restore the log from a copy that has them, or, to go on without them, ' +
        `set next_offset of log_offsets (log_id '${logId}', partition ${partition}) to ${start}.`,
    );
  }
}
