import { describe, expect, it } from 'vitest';
import { jointSurprise, severityOf, surpriseOf, worseOf } from './severity.js';

describe('surprise', () => {
  it('is the number of zeros of the probability', () => {
    expect(surpriseOf(0.001)).toBeCloseTo(3, 12);
    expect(surpriseOf(1)).toBeCloseTo(0, 12);
    expect(surpriseOf(0)).toBe(30);
  });

  it('of several buckets is the tail of a chi-squared distribution', () => {
    // pchisq(-2 * log(0.01 * 0.01), 4, lower = FALSE) = 0.00102103404
    expect(jointSurprise({ buckets: 2, surpriseSum: 4 })).toBeCloseTo(-Math.log10(0.00102103404), 6);
    // pchisq(-2 * 3 * log(0.1), 6, lower = FALSE) = 0.0315…
    const x = 3 * Math.LN10;
    const tail = Math.exp(-x) * (1 + x + (x * x) / 2);
    expect(jointSurprise({ buckets: 3, surpriseSum: 3 })).toBeCloseTo(-Math.log10(tail), 9);
    expect(jointSurprise({ buckets: 1, surpriseSum: 5 })).toBeCloseTo(5, 9);
  });
});

describe('severity', () => {
  const extent = (buckets: number, observedSum: number, expectedSum: number, surpriseSum: number) => ({
    buckets,
    observedSum,
    expectedSum,
    surpriseSum,
  });

  it('needs both surprise and size', () => {
    expect(severityOf(extent(1, 10, 100, 8), 8)).toBe('critical');
    expect(severityOf(extent(1, 40, 100, 8), 8)).toBe('warning');
    expect(severityOf(extent(1, 10, 100, 5), 5)).toBe('warning');
    expect(severityOf(extent(1, 90, 100, 20), 20)).toBe('info');
    expect(severityOf(extent(1, 0, 4, 2), 2)).toBe('info');
  });

  it('grows with the length of an outage of few events', () => {
    const outage = (buckets: number) => severityOf(extent(buckets, 0, 4 * buckets, 1.8 * buckets), 1.8);
    expect(outage(1)).toBe('info');
    expect(outage(6)).toBe('warning');
    expect(outage(10)).toBe('critical');
  });

  it('takes something where nothing was expected for as large a change as there is', () => {
    expect(severityOf(extent(1, 5, 0, 7), 7)).toBe('critical');
  });

  it('is the worse of two', () => {
    expect(worseOf('warning', 'critical')).toBe('critical');
    expect(worseOf('warning', 'info')).toBe('warning');
  });
});
