import type { ApiClient } from '../client/api-client.js';
import { settle } from '../verify/settle.js';

export interface LandingOptions {
  api: ApiClient;
  /** Name of the event; nothing but this row's events has it. */
  event: string;
  /** Ids of the messages that the gateway accepted. */
  accepted: ReadonlySet<string>;
  /** After the last of them; '' when there is none. */
  watermark: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface Landing {
  /** Distinct events that the stores hold. */
  distinct: number;
  /** What any answer counts beyond that: rows of either store, rollups. */
  copies: number;
  /** Accepted messages that no store holds. */
  missing: string[];
}

/**
 * Looks a row's events up in the stores once everything accepted is part of answers: one by one, by the count of the
 * rollups and by the count of single events.
 * @throws Error when Sluice does not settle in time: then nothing can be said.
 */
export async function checkLanding(options: LandingOptions): Promise<Landing> {
  const { api, event, accepted, signal } = options;
  const isSettled = await settle({
    api,
    watermark: options.watermark,
    deadlineMs: Date.now() + options.timeoutMs,
    signal,
  });
  if (!isSettled) {
    signal.throwIfAborted();
    throw new Error(`What was accepted had not become queryable after ${options.timeoutMs / 1_000} s.`);
  }
  const copies = new Map<string, number>();
  for await (const { messageId } of api.events({ event })) {
    copies.set(messageId, (copies.get(messageId) ?? 0) + 1);
  }
  const listed = [...copies.values()].reduce((sum, count) => sum + count, 0);
  const counts = [listed, await api.count({ event }), await api.count({ event, source: 'raw' })];
  return {
    distinct: Math.min(copies.size, ...counts),
    copies: Math.max(...counts) - copies.size,
    missing: [...accepted].filter((id) => !copies.has(id)),
  };
}
