import type { LogRecord } from '../port.js';

/** The records of one partition from a position on, as an adapter offers them to the partition loop. */
export interface RecordFeed {
  /** The next record, when one is at hand. */
  peek(): LogRecord | undefined;
  /** Moves past the record that `peek` shows. */
  shift(): void;
  /** Resolves when `peek` may show a record that it did not show before, after `ms`, or when `signal` aborts. */
  waitForMore(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * The partition's end as last seen. With no record at hand and `endOffset` equal to the position after the last one
   * taken, the partition was caught up at `seenAtMs`.
   */
  end(): { endOffset: number; seenAtMs: number };
  close(): void;
}
