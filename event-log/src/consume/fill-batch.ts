import type { ConsumeOptions, LogRecord, RecordBatch } from '../port.js';
import type { RecordFeed } from './record-feed.js';

export const DEFAULT_MAX_RECORDS = 5_000;
export const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
export const DEFAULT_LINGER_MS = 200;

/** How often a partition that stays caught up says so again. */
const IDLE_NOTICE_MS = 200;

/** The batch before the one being filled. */
export interface PreviousBatch {
  isHandled: boolean;
  /** Resolves when it was handled, also when that failed. */
  readonly handled: Promise<void>;
}

/**
 * Takes records from the feed until a bound is reached, or `lingerMs` passed since the first was seen and the batch
 * before has been handled. Resolves with undefined when `signal` aborts first.
 */
export async function fillBatch(
  feed: RecordFeed,
  partition: number,
  from: number,
  previous: PreviousBatch,
  options: ConsumeOptions,
  signal: AbortSignal,
): Promise<RecordBatch | undefined> {
  const {
    maxRecords = DEFAULT_MAX_RECORDS,
    maxBytes = DEFAULT_MAX_BYTES,
    lingerMs = DEFAULT_LINGER_MS,
  } = options;
  const records: LogRecord[] = [];
  let bytes = 0;
  let deadlineMs = Infinity;
  let nextNoticeMs = 0;

  while (!signal.aborted) {
    let isFull = false;
    for (let record = feed.peek(); record !== undefined && !isFull; record = feed.peek()) {
      const size = sizeOf(record);
      if (records.length > 0 && bytes + size > maxBytes) {
        isFull = true;
        break;
      }
      feed.shift();
      if (records.length === 0) deadlineMs = performance.now() + lingerMs;
      records.push(record);
      bytes += size;
      isFull = records.length >= maxRecords || bytes >= maxBytes;
    }
    const nowMs = performance.now();
    if (records.length > 0 && (isFull || (nowMs >= deadlineMs && previous.isHandled))) {
      const to = records.at(-1)!.offset + 1;
      const { endOffset, seenAtMs } = feed.end();
      return { partition, from, to, records, endOffset: Math.max(endOffset, to), seenAtMs };
    }
    if (records.length === 0 && previous.isHandled && nowMs >= nextNoticeMs) {
      const { endOffset, seenAtMs } = feed.end();
      if (endOffset === from) {
        await options.onIdle?.(partition, endOffset, seenAtMs);
        nextNoticeMs = performance.now() + IDLE_NOTICE_MS;
        continue;
      }
    }
    const waitMs = records.length > 0 && nowMs < deadlineMs ? Math.ceil(deadlineMs - nowMs) : IDLE_NOTICE_MS;
    const more = feed.waitForMore(waitMs, signal);
    await (previous.isHandled ? more : Promise.race([more, previous.handled]));
  }
  return undefined;
}

function sizeOf(record: LogRecord): number {
  let size = record.value.byteLength + record.key.length + 16;
  for (const name in record.headers) size += name.length + record.headers[name]!.length;
  return size;
}
