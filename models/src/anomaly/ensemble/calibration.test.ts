import { describe, expect, it } from 'vitest';
import { tailProbabilityOf, thresholdFor } from './calibration.js';

describe('calibration', () => {
  it('gives what was measured at a score that was measured, and in between what lies between', () => {
    expect(tailProbabilityOf(2)).toBeCloseTo(10 ** -2.75, 10);
    expect(thresholdFor(4.27 / 8_640)).toBeCloseTo(2, 10);
    expect(thresholdFor(3 / 8_640)).toBeGreaterThan(2);
    expect(thresholdFor(3 / 8_640)).toBeLessThan(2.25);
  });

  it('falls from 1 without a jump, and goes on beyond what was measured', () => {
    expect(tailProbabilityOf(0)).toBe(1);
    let before = 1;
    for (let score = 0.01; score < 12; score += 0.01) {
      const probability = tailProbabilityOf(score);
      expect(probability).toBeLessThan(before);
      expect(probability).toBeGreaterThan(before * 0.9);
      before = probability;
    }
  });

  it('asks for a higher score the rarer alerts may be, and for no less than the least one', () => {
    expect(thresholdFor(0.9)).toBe(0.25);
    let before = 0.25;
    for (let rate = 1e-3; rate > 1e-8; rate /= 2) {
      expect(thresholdFor(rate)).toBeGreaterThan(before);
      before = thresholdFor(rate);
    }
  });
});
