import { dayOf, ensureEventPartitions, type Day } from '@sluice/warehouse';
import type pg from 'pg';
import { idTimeMs } from '../decode/event-id.js';
import type { PreparedMessage } from './prepare-batch.js';

const DAY_MS = 86_400_000;
/** Ids of older or later times stay in the default partition: they are imports and broken clocks. */
const DAYS_BACK = 60;
const DAYS_AHEAD = 2;

export interface EventPartitions {
  /** Makes the daily partitions that these messages need, before their transaction. */
  ensureFor(messages: readonly PreparedMessage[]): Promise<void>;
}

export function createEventPartitions(pool: pg.Pool, now: () => number = Date.now): EventPartitions {
  const known = new Set<Day>();
  return {
    async ensureFor(messages) {
      const earliest = now() - DAYS_BACK * DAY_MS;
      const latest = now() + DAYS_AHEAD * DAY_MS;
      const numbers = new Set<number>();
      for (const { eventId } of messages) {
        const ms = idTimeMs(eventId);
        if (ms >= earliest && ms <= latest) numbers.add(Math.floor(ms / DAY_MS));
      }
      const missing = [...numbers].map((number) => dayOf(number * DAY_MS)).filter((day) => !known.has(day));
      if (missing.length === 0) return;
      await ensureEventPartitions(pool, missing);
      for (const day of missing) known.add(day);
    },
  };
}
