import { formatWatermark, type EventItem, type Watermark } from '@sluice/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunPostgres } from '../query-port/run-query.js';
import { askBatchesAfter, askEventsOfBatches, type BatchRow, type LiveEventRow } from '../questions/live.js';

/** What a tail says: events that landed together, that it skipped some, or that it is alive. */
export type TailItem =
  | { kind: 'events'; events: EventItem[]; position: string }
  | { kind: 'skipped'; events: number; position: string }
  | { kind: 'alive' };

export interface TailOptions {
  logId: string;
  projectId: number;
  /** Every partition with the offset behind what was seen already. */
  from: Watermark;
  event: string | undefined;
  type: string | undefined;
  pollMs: number;
  heartbeatMs: number;
  runPostgres: RunPostgres;
  signal: AbortSignal;
}

/** Batches of one step. */
const MAX_BATCHES = 200;
/** Rows of all projects that one step reads at most: what is further behind is skipped, and said so. */
const MAX_ROWS = 5_000;

/**
 * Follows the events of a project as they land. Nothing is read before the consumer asks for it, so that a slow one holds
 * nothing up and costs no memory. A position stands for everything landed so far: a tail that starts from it misses
 * nothing. Ends when the signal aborts.
 */
export async function* tailEvents(options: TailOptions): AsyncGenerator<TailItem> {
  const { logId, projectId, pollMs, heartbeatMs, runPostgres, signal } = options;
  const seen = new Map(options.from);
  let quietSince = performance.now();
  while (!signal.aborted) {
    const { rows: batches } = await runPostgres(askBatchesAfter(logId, seen, MAX_BATCHES), { signal });
    const { skipped, kept } = splitBacklog(batches);
    for (const { partition, to_offset } of batches) {
      seen.set(partition, Math.max(to_offset, seen.get(partition) ?? 0));
    }
    const position = formatWatermark(seen);
    if (skipped > 0) yield { kind: 'skipped', events: skipped, position };
    const events = await readEvents(kept, options);
    if (events.length > 0) yield { kind: 'events', events: events.map(itemOf), position };
    if (skipped > 0 || events.length > 0) quietSince = performance.now();
    else if (performance.now() - quietSince >= heartbeatMs) {
      quietSince = performance.now();
      yield { kind: 'alive' };
    }
    if (batches.length < MAX_BATCHES) await pause(pollMs, signal);
  }

  async function readEvents(
    kept: readonly BatchRow[],
    { event, type }: TailOptions,
  ): Promise<LiveEventRow[]> {
    if (kept.length === 0) return [];
    const question = askEventsOfBatches({
      projectId,
      batchIds: kept.map(({ batch_id }) => batch_id),
      event: event ?? null,
      type: type ?? null,
    });
    return (await runPostgres(question, { signal })).rows;
  }
}

/** The newest batches that fit into one step, and how many rows the older ones have. One batch is always kept. */
export function splitBacklog(batches: readonly BatchRow[]): { skipped: number; kept: BatchRow[] } {
  let rows = 0;
  let first = batches.length;
  while (first > 0) {
    rows += batches[first - 1]!.rows;
    if (rows > MAX_ROWS && first < batches.length) break;
    first--;
  }
  return {
    skipped: batches.slice(0, first).reduce((sum, batch) => sum + batch.rows, 0),
    kept: batches.slice(first),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    // Aborted: the loop sees it.
  }
}

function itemOf(row: LiveEventRow): EventItem {
  return {
    event_id: row.event_id,
    message_id: row.message_id,
    type: row.type,
    event: row.event,
    timestamp: row.timestamp.toISOString(),
    received_at: row.received_at.toISOString(),
    anonymous_id: row.anonymous_id,
    user_id: row.user_id,
    session_id: row.session_id,
    enrichment: row.enrichment,
    message: row.message,
  };
}
