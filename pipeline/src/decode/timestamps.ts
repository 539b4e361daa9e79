import { MESSAGE_LIMITS, parseTimestamp } from '@sluice/contracts';

/** Milliseconds since the epoch of a client's time; undefined when it is none. */
export function clientTime(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = parseTimestamp(value);
  return Number.isNaN(ms) ? undefined : ms;
}

export interface CorrectedTimestamp {
  ms: number;
  /** Set when the time could not be believed and was replaced or moved. */
  clamped?: 'missing' | 'future' | 'past';
}

/**
 * When an event happened, by the server's clock: receivedAt − (sentAt − timestamp). Both of the client's times come from
 * one clock, so its error cancels. Without `sentAt` the client's time is taken as it is; without a time, the time of
 * receipt. An event never happened after its receipt, nor before the year 2000.
 */
export function correctTimestamp(
  clientMs: number | undefined,
  sentAtMs: number | undefined,
  receivedAtMs: number,
): CorrectedTimestamp {
  if (clientMs === undefined) return { ms: receivedAtMs, clamped: 'missing' };
  const ms = sentAtMs === undefined ? clientMs : receivedAtMs - (sentAtMs - clientMs);
  if (ms > receivedAtMs) return { ms: receivedAtMs, clamped: 'future' };
  if (ms < MESSAGE_LIMITS.earliestMs)
    return { ms: Math.min(MESSAGE_LIMITS.earliestMs, receivedAtMs), clamped: 'past' };
  return { ms };
}
