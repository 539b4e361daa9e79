import { describe, expect, it } from 'vitest';
import { metricOf } from './read-metric.js';

describe('metricOf', () => {
  it('adds the series of a metric up, and of no other', () => {
    const page = [
      '# TYPE landed_total counter',
      'landed_total{partition="1"} 3',
      'landed_total{partition="2"} 4',
      'landed_total_other 9',
      'lag 5',
    ].join('\n');
    expect(metricOf(page, 'landed_total')).toEqual({ sum: 7, count: 2 });
    expect(metricOf(page, 'lag')).toEqual({ sum: 5, count: 1 });
    expect(metricOf(page, 'none')).toEqual({ sum: 0, count: 0 });
  });
});
