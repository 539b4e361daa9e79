import type { ForecastAnswer } from '@sluice/contracts';
import { foresee, neededHistory } from '@sluice/models/forecast';
import { isoOf } from '../time/range.js';
import { BUCKET_LENGTH_MS, bucketsAfter, FORESEEN, wholeBucketsBefore } from './expectations.js';
import type { ReadValues } from './band.js';
import type { SeriesPlan } from './series-rows.js';

/**
 * What is to be expected of a series after the last complete bucket of the range. The history are whole and complete buckets
 * alone, so the forecast is the same until the next one is complete, and its rows are remembered as any others.
 */
export async function forecastOf(
  { query, scope }: SeriesPlan,
  count: number,
  readValues: ReadValues,
): Promise<ForecastAnswer> {
  const foreseen = FORESEEN[query.interval];
  if (foreseen === undefined) return { kind: 'none', reason: 'interval_not_supported' };
  const { interval, days } = foreseen;
  const { completeThroughMs = 0, range, zone } = scope;
  const calendar = { interval: query.interval, weekStart: query.week_start, zone };
  const bucketMs = BUCKET_LENGTH_MS[query.interval as keyof typeof BUCKET_LENGTH_MS];
  const endMs = Math.min(range.toMs, completeThroughMs);
  const history = wholeBucketsBefore(endMs, days, calendar, { bucketMs });
  const [first, last] = [history[0], history.at(-1)];
  if (first === undefined || last === undefined) {
    return { kind: 'none', reason: 'history_too_short', needed: neededHistory(interval, count), found: 0 };
  }
  const values = await readValues(history);
  const ahead = bucketsAfter(last.endMs, count, calendar, bucketMs);
  const forecast = foresee({
    history: history.map(({ startMs }, index) => ({ startMs, value: values[index] ?? null })),
    interval,
    offsetAt: (epochMs) => zone.offsetAt(epochMs),
    ahead: ahead.map(({ startMs }) => startMs),
  });
  switch (forecast.kind) {
    case 'no_values':
    case 'history_has_gaps':
      return { kind: 'none', reason: forecast.kind };
    case 'history_too_short':
      return { kind: 'none', reason: forecast.kind, needed: forecast.needed, found: forecast.found };
    case 'forecast': {
      const { origins, scaledError, coverage80, coverage95 } = forecast.backtest;
      return {
        kind: 'forecast',
        buckets: forecast.points.map(({ expected, lower80, upper80, lower95, upper95 }, index) => {
          const { startMs, endMs, label } = ahead[index]!;
          const shown = { start: isoOf(startMs), end: isoOf(endMs), label };
          return { ...shown, expected, lower80, upper80, lower95, upper95 };
        }),
        history: { from: isoOf(first.startMs), to: isoOf(last.endMs), buckets: history.length },
        backtest: { origins, scaled_error: scaledError, coverage80, coverage95 },
        seasonality: forecast.seasonality,
      };
    }
  }
}
