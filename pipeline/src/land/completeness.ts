import type { EventLog, RecordBatch } from '@sluice/event-log';
import type pg from 'pg';

/**
 * What "complete through" means.
 *
 * `log_offsets.complete_through` of a partition is an instant T such that every message whose durability the log confirmed
 * before T is landed, as far as it went to this partition. It is known in two ways:
 * - A batch that reaches the end of the partition: T is when that end was seen. What was confirmed earlier lies below it.
 * - A batch that does not: T is when the log took the batch's last record. What it took earlier lies below that one.
 * A partition that stays caught up moves T on about once a second. T never goes back.
 *
 * Landed completeness of the whole log is the least T over its partitions. Rolled-up completeness is the least of that and
 * of `batches.received_from` over the pending batches: a message that waits in one was received no earlier, and confirmed
 * later still. Messages that a gateway holds on its own disk are known from `spools` and bound both.
 */
export function completeThroughOf(batch: RecordBatch): number | undefined {
  return batch.to >= batch.endOffset ? batch.seenAtMs : batch.records.at(-1)?.appendedAtMs;
}

const WRITE_EVERY_MS = 1_000;

export interface CompletenessKeeper {
  /** A partition is caught up: as seen at `seenAtMs`, it ends at `endOffset` and all of it is landed. */
  note(partition: number, endOffset: number, seenAtMs: number): void;
  stop(): Promise<void>;
}

/** Moves complete_through on for partitions without traffic, all of them in one statement. */
export function startCompletenessKeeper(
  pool: pg.Pool,
  log: EventLog,
  onError: (error: unknown) => void,
): CompletenessKeeper {
  const noted = new Map<number, { endOffset: number; seenAtMs: number }>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let stopped = false;

  async function write(): Promise<void> {
    timer = undefined;
    const entries = [...noted];
    noted.clear();
    try {
      await writeCompleteness(pool, log.id, entries);
    } catch (error) {
      onError(error);
    }
  }

  return {
    note(partition, endOffset, seenAtMs) {
      noted.set(partition, { endOffset, seenAtMs });
      if (timer !== undefined || stopped) return;
      timer = setTimeout(() => {
        writing = write();
      }, WRITE_EVERY_MS);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await writing;
    },
  };
}

async function writeCompleteness(
  pool: pg.Pool,
  logId: string,
  entries: readonly [number, { endOffset: number; seenAtMs: number }][],
): Promise<void> {
  const client = await pool.connect();
  try {
    // It is only ever moved on, and by what is true: losing the last second of it in a crash is no harm.
    await client.query('begin');
    await client.query('set local synchronous_commit = off');
    await client.query(
      `update log_offsets o set complete_through = to_timestamp(n.seen_at / 1000.0)
       from unnest($2::int[], $3::bigint[], $4::float8[]) as n ("partition", end_offset, seen_at)
       where o.log_id = $1 and o."partition" = n."partition" and o.next_offset >= n.end_offset
         and (o.complete_through is null or o.complete_through < to_timestamp(n.seen_at / 1000.0))`,
      [
        logId,
        entries.map(([partition]) => partition),
        entries.map(([, end]) => end.endOffset),
        entries.map(([, end]) => end.seenAtMs),
      ],
    );
    await client.query('commit');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}
