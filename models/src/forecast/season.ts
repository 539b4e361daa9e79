import { BUCKET_MS } from '../anomaly/monitor.js';
import type { ForecastInterval } from './forecast.js';

const DAY_MS = 86_400_000;

/** What repeats in a series, and how long its models remember. Lengths are in buckets. */
export interface Season {
  /** Buckets of a local day; 0 where buckets are longer than a day. */
  perDay: number;
  /** What the seasonal naive forecast repeats. */
  length: number;
  /** The same weekday and season a year ago. */
  year: number | undefined;
  /** Buckets on either side that a look at last year takes in. */
  yearMargin: number;
  /** Buckets from which a first profile is made. */
  warmUp: number;
  /** History before the first forecast of the past. */
  minTrain: number;
  /** Memories of the levels, shortest first; the last two also make the trend. */
  memories: readonly [number, number, number, number];
}

export const SEASONS: Record<ForecastInterval, Season> = {
  minute: subDaily(BUCKET_MS.minute),
  five_minutes: subDaily(BUCKET_MS.five_minutes),
  quarter_hour: subDaily(BUCKET_MS.quarter_hour),
  hour: subDaily(BUCKET_MS.hour),
  day: {
    perDay: 1,
    length: 7,
    // 52 weeks: the weekday stays.
    year: 364,
    yearMargin: 10,
    warmUp: 14,
    minTrain: 21,
    memories: [2, 7, 21, 63],
  },
  week: {
    perDay: 0,
    length: 1,
    year: 52,
    yearMargin: 2,
    warmUp: 4,
    minTrain: 8,
    memories: [1, 3, 8, 20],
  },
  month: {
    perDay: 0,
    length: 1,
    year: 12,
    yearMargin: 1,
    warmUp: 3,
    minTrain: 6,
    memories: [1, 2, 5, 12],
  },
};

function subDaily(bucketMs: number): Season {
  const perDay = DAY_MS / bucketMs;
  return {
    perDay,
    length: 7 * perDay,
    year: undefined,
    yearMargin: 0,
    warmUp: 14 * perDay,
    minTrain: 14 * perDay,
    memories: [perDay / 6, perDay, 4 * perDay, 14 * perDay],
  };
}

/** Place of a bucket in the local day (0 to perDay - 1) and weekday (0: Monday). */
export interface Place {
  ofDay: number;
  weekday: number;
}

export function placeOf(startMs: number, { perDay }: Season, offsetAt: (epochMs: number) => number): Place {
  if (perDay === 0) return { ofDay: 0, weekday: 0 };
  const wallMs = startMs + offsetAt(startMs);
  const day = Math.floor(wallMs / DAY_MS);
  // The first of January 1970 was a Thursday.
  return {
    ofDay: Math.floor(((wallMs - day * DAY_MS) / DAY_MS) * perDay),
    weekday: (((day + 3) % 7) + 7) % 7,
  };
}
