import type { LocalDayOf } from '@sluice/contracts/sessions';

const DAY_MS = 86_400_000;
/** Zones move their clocks at whole quarter-hours (UTC), so an offset holds for a quarter of an hour. */
const QUARTER_MS = 900_000;

/**
 * Days of an IANA zone, 24 hours long or not. Asking Intl takes microseconds, so the offsets of the quarter-hours asked
 * for are remembered. An unknown zone is read as UTC.
 */
export function createLocalDays(timezone: string): LocalDayOf {
  const offsetAt = createLocalOffsets(timezone);
  return (ms) => Math.floor((ms + offsetAt(ms)) / DAY_MS);
}

/** Local wall time minus UTC, milliseconds, at an instant. An unknown zone is read as UTC. */
export function createLocalOffsets(timezone: string): (ms: number) => number {
  const format = formatOf(timezone);
  if (format === undefined) return () => 0;
  const offsets = new Map<number, number>();
  return (ms) => {
    const quarter = Math.floor(ms / QUARTER_MS);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      if (offsets.size > 50_000) offsets.clear();
      offset = offsetMs(format, quarter * QUARTER_MS);
      offsets.set(quarter, offset);
    }
    return offset;
  };
}

function formatOf(timezone: string): Intl.DateTimeFormat | undefined {
  if (timezone === 'UTC' || timezone === 'Etc/UTC') return undefined;
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

function offsetMs(format: Intl.DateTimeFormat, ms: number): number {
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(ms)) part[type] = Number(value);
  const local = Date.UTC(
    part.year ?? 1970,
    (part.month ?? 1) - 1,
    part.day ?? 1,
    part.hour ?? 0,
    part.minute ?? 0,
    part.second ?? 0,
  );
  return local - ms;
}
