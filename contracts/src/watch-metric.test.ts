import { describe, expect, it } from 'vitest';
import { HEALTH_SIGNALS, watchMetricSchema } from './watch-metric.js';

describe('what is watched', () => {
  it('counts all events, robots included as in questions, unless it says otherwise', () => {
    expect(watchMetricSchema.parse({ kind: 'events' })).toEqual({
      kind: 'events',
      event: null,
      type: null,
      bots: 'include',
    });
    expect(watchMetricSchema.parse({ kind: 'every_event' })).toMatchObject({ limit: 50 });
    expect(watchMetricSchema.parse({ kind: 'health' })).toMatchObject({ signals: HEALTH_SIGNALS });
  });

  it('takes parameters of a saved query as in its address', () => {
    const metric = { kind: 'saved', name: 'conversion', parameters: { country: ['DE', 'FR'] } };
    expect(watchMetricSchema.parse(metric)).toEqual(metric);
    expect(watchMetricSchema.safeParse({ ...metric, parameters: { version: '1' } }).success).toBe(false);
  });

  it('refuses what it does not know', () => {
    expect(watchMetricSchema.safeParse({ kind: 'events', filters: [] }).success).toBe(false);
    expect(watchMetricSchema.safeParse({ kind: 'health', signals: ['mood'] }).success).toBe(false);
    expect(watchMetricSchema.safeParse({ kind: 'every_event', limit: 200 }).success).toBe(false);
  });
});
