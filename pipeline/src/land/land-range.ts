import type { LogRecord } from '@sluice/event-log';
import type pg from 'pg';
import { isRefusedData } from './failures.js';
import { landBatch, tryLanding, type Landing, type LandingRules, type OffsetRange } from './land-batch.js';
import { deadLetterOf, type PreparedBatch, type PreparedMessage } from './prepare-batch.js';
import { findRefused } from './refused-messages.js';
import type { OnStep } from './steps.js';

export interface LandRangeTools {
  pool: pg.Pool;
  rules: LandingRules;
  onStep: OnStep;
  /** A message that Postgres refuses; it becomes a dead letter. */
  onRefusedMessage(message: PreparedMessage, error: Error): void;
}

/**
 * Lands a range whatever is in it: messages that Postgres refuses are found, become dead letters, and the rest lands with
 * them in one transaction. Rejects with every error that is not about data; nothing is written then.
 */
export async function landRange(
  tools: LandRangeTools,
  range: OffsetRange,
  prepared: PreparedBatch,
  records: readonly LogRecord[],
): Promise<Landing> {
  const { pool, rules, onStep } = tools;
  return withClient(pool, async (client) => {
    try {
      return await landBatch(client, range, prepared, rules, onStep);
    } catch (error) {
      if (!isRefusedData(error)) throw error;
      const refused = await findRefused(
        prepared.messages,
        (messages) => tryLanding(client, range, { ...prepared, messages }, rules),
        isRefusedData,
      );
      if (refused.length === 0) throw error;
      for (const { message, error: reason } of refused) tools.onRefusedMessage(message, reason);
      const byOffset = new Map(records.map((record) => [record.offset, record]));
      const gone = new Set(refused.map(({ message }) => message));
      const rest: PreparedBatch = {
        ...prepared,
        messages: prepared.messages.filter((message) => !gone.has(message)),
        deadLetters: [
          ...prepared.deadLetters,
          ...refused.map(({ message, error: reason }) =>
            deadLetterOf(
              message,
              byOffset.get(message.offset)!,
              'unlandable_message',
              `Postgres refuses it: ${reason.message}`,
            ),
          ),
        ],
      };
      return landBatch(client, range, rest, rules, onStep);
    }
  });
}

/** Runs on a connection of its own; one that an error has touched is not used again. */
async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
