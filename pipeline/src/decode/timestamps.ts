const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Milliseconds since the epoch of an ISO 8601 date and time, to the millisecond (finer digits are dropped); undefined when
 * `text` is not one. A time without a zone is UTC, so that the answer does not depend on where this runs.
 */
export function parseTimestamp(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const match = ISO_8601.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    Number(fraction.slice(0, 3).padEnd(3, '0')),
  );
  const rolledOver =
    Number(month) < 1 ||
    Number(month) > 12 ||
    Number(day) < 1 ||
    Number(day) > 31 ||
    Number(hour) > 24 ||
    Number(minute) > 59 ||
    Number(second) > 60;
  if (rolledOver || Number.isNaN(ms)) return undefined;
  return ms - zoneOffsetMs(zone);
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const digits = zone.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4));
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000;
}

/** Nothing Sluice counts happened before this; an earlier time is a broken clock. */
export const EARLIEST_MS = Date.UTC(2000, 0, 1);

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
  if (ms < EARLIEST_MS) return { ms: Math.min(EARLIEST_MS, receivedAtMs), clamped: 'past' };
  return { ms };
}
