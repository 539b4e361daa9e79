import type { FoundSeries } from '@sluice/analytics-api/watched';
import { describe, expect, it } from 'vitest';
import { planSeries } from './begin-series.js';

import type { WatchedSeries } from './watched-series.js';

const watch = {
  interval: 'quarter_hour',
  metric: { kind: 'every_event', limit: 50, bots: 'include' },
} as const;
const metricOf = (event: string) => ({ kind: 'events', event, type: null, bots: 'include' }) as const;
const found = (event: string): FoundSeries => ({
  series: event,
  metric: metricOf(event),
  kind: 'count',
  begunMs: 0,
});
const existing = (event: string, interval: 'quarter_hour' | 'hour' = 'quarter_hour'): WatchedSeries => ({
  seriesId: event.charCodeAt(0),
  watchId: 1,
  series: event,
  kind: 'count',
  // Keys in another order, as Postgres gives them.
  measured: { bots: 'include', type: null, event, kind: 'events', interval },
  detector: 'd',
  detectorVersion: 1,
  nextMs: 0,
  watchedSinceMs: 0,
  hasFailed: false,
});
const names = (plan: ReturnType<typeof planSeries>) => ({
  begin: plan.begin.map(({ series }) => series),
  retire: plan.retire.map(({ series }) => series),
  left: plan.left,
});

describe('the series of a watch', () => {
  it('begin once', () => {
    expect(names(planSeries(watch, [found('a'), found('b')], [existing('a')], 200))).toEqual({
      begin: ['b'],
      retire: [],
      left: 0,
    });
  });

  it('begin anew when they measure something else', () => {
    expect(names(planSeries(watch, [found('a')], [existing('a', 'hour')], 200))).toEqual({
      begin: ['a'],
      retire: [],
      left: 0,
    });
  });

  it('stay for a while when their event is not among the largest any more', () => {
    const now = ['a', 'b', 'c', 'd'].map(found);
    const before = [...['a', 'b', 'c', 'd'], 'x', 'y'].map((name) => existing(name));
    expect(names(planSeries(watch, now, before, 200))).toEqual({ begin: [], retire: ['y'], left: 0 });
  });

  it('are no more than there is room for, the smallest left out', () => {
    const now = ['a', 'b', 'c'].map(found);
    expect(names(planSeries(watch, now, [existing('c')], 2))).toEqual({
      begin: ['a', 'b'],
      retire: ['c'],
      left: 1,
    });
  });
});
