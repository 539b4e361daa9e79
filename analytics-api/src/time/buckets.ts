import { SluiceError, type Interval } from '@sluice/contracts';
import { isoOf, type TimeRange } from './range.js';
import { firstInstantAt, type OffsetSegment, type Zone } from './zone.js';

/** A part of a range that local clocks or the local calendar call one quarter, hour, day, week or month. */
export interface CalendarBucket {
  startMs: number;
  /** Not included. */
  endMs: number;
  /** Local wall time at the start of the whole unit. */
  label: string;
  /** The range covers only a part of the unit. */
  partial: boolean;
}

export const MAX_BUCKETS = 5_000;

const DAY_MS = 86_400_000;
const APPROXIMATE_MS: Record<Interval, number> = {
  minute: 60_000,
  '15m': 900_000,
  hour: 3_600_000,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
};

export interface CalendarOptions {
  /** `total`: one bucket that is the range. */
  interval: Interval | 'total';
  weekStart: 'monday' | 'sunday';
  zone: Zone;
}

/**
 * Cuts a range into buckets that follow each other without a gap, keyed by instants: an hour that clocks show twice gives
 * two buckets, a day is as long as it was. An hour within which clocks are changed by half an hour gives two buckets, one
 * for each offset. A day starts at the first instant of its date; a date that a zone skipped has no bucket.
 * @throws SluiceError too_many_buckets
 */
export function cutIntoBuckets(range: TimeRange, options: CalendarOptions): CalendarBucket[] {
  const { interval, zone } = options;
  if (interval === 'total') {
    const label = isoOf(range.fromMs + zone.offsetAt(range.fromMs)).slice(0, 16);
    return [{ startMs: range.fromMs, endMs: range.toMs, label, partial: false }];
  }
  const expected = (range.toMs - range.fromMs) / APPROXIMATE_MS[interval];
  if (expected > MAX_BUCKETS) {
    throw new SluiceError('too_many_buckets', {
      message: `The range holds about ${Math.ceil(expected)} buckets of this interval; ${MAX_BUCKETS} is the limit.`,
      field: '/interval',
    });
  }
  const segments = zone.segments(range.fromMs - 40 * DAY_MS, range.toMs + 40 * DAY_MS);
  const units = isClockInterval(interval)
    ? clockUnits(segments, APPROXIMATE_MS[interval], range)
    : calendarUnits(segments, range, { ...options, interval });
  return [...units].map(({ startMs, endMs, label }) => ({
    startMs: Math.max(startMs, range.fromMs),
    endMs: Math.min(endMs, range.toMs),
    label,
    partial: startMs < range.fromMs || endMs > range.toMs,
  }));
}

export type ClockInterval = 'minute' | '15m' | 'hour';
export type CalendarInterval = Exclude<Interval, ClockInterval>;

/** Whether an interval has a fixed length by the clock, rather than by the calendar. */
export function isClockInterval(interval: Interval | 'total'): interval is ClockInterval {
  return interval === 'minute' || interval === '15m' || interval === 'hour';
}

interface Unit {
  startMs: number;
  endMs: number;
  label: string;
}

function* clockUnits(segments: readonly OffsetSegment[], stepMs: number, range: TimeRange): Generator<Unit> {
  for (const { fromMs, toMs, offsetMs } of segments) {
    const firstMs = Math.max(fromMs, range.fromMs);
    const endMs = Math.min(toMs, range.toMs);
    let floorMs = Math.floor((firstMs + offsetMs) / stepMs) * stepMs - offsetMs;
    for (; floorMs < endMs; floorMs += stepMs) {
      const startMs = Math.max(floorMs, fromMs);
      yield {
        startMs,
        endMs: Math.min(floorMs + stepMs, toMs),
        label: new Date(startMs + offsetMs).toISOString().slice(0, 16),
      };
    }
  }
}

function* calendarUnits(
  segments: readonly OffsetSegment[],
  range: TimeRange,
  { interval, weekStart, zone }: CalendarOptions & { interval: CalendarInterval },
): Generator<Unit> {
  const firstDayMs = Math.floor((range.fromMs + zone.offsetAt(range.fromMs)) / DAY_MS) * DAY_MS;
  let dayMs = startOfUnit(firstDayMs, interval, weekStart);
  let startMs = firstInstantAt(segments, dayMs)!;
  while (startMs < range.toMs) {
    const nextDayMs = nextUnit(dayMs, interval);
    const endMs = firstInstantAt(segments, nextDayMs)!;
    // Empty when the zone skipped the date; before the range when the first date was gone back into.
    if (endMs > Math.max(startMs, range.fromMs)) {
      const date = new Date(dayMs).toISOString();
      yield { startMs, endMs, label: interval === 'month' ? date.slice(0, 7) : date.slice(0, 10) };
    }
    dayMs = nextDayMs;
    startMs = endMs;
  }
}

/** Days are counted as midnights of UTC: the calendar itself knows no zone. */
function startOfUnit(dayMs: number, interval: CalendarInterval, weekStart: 'monday' | 'sunday'): number {
  const date = new Date(dayMs);
  if (interval === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  if (interval === 'day') return dayMs;
  const daysIn = weekStart === 'sunday' ? date.getUTCDay() : (date.getUTCDay() + 6) % 7;
  return dayMs - daysIn * DAY_MS;
}

function nextUnit(dayMs: number, interval: CalendarInterval): number {
  const date = new Date(dayMs);
  if (interval === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  return dayMs + (interval === 'week' ? 7 : 1) * DAY_MS;
}
