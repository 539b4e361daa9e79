import { SEVERITIES, type Severity } from '../notify/severity.js';

/** What an incident came to so far: its buckets up to the one that opened it, and those after it that were out of the ordinary. */
export interface Extent {
  buckets: number;
  observedSum: number;
  expectedSum: number;
  surpriseSum: number;
}

/** Tails below this are all the same: beyond it models say more than they know. */
const LEAST_TAIL = 1e-30;

/** -log10 of the probability of a bucket at least as far out. */
export function surpriseOf(tailProbability: number): number {
  return -Math.log10(Math.min(1, Math.max(tailProbability, LEAST_TAIL)));
}

/**
 * -log10 of the probability that as many buckets are together as far out: Fisher's method (R. A. Fisher, Statistical Methods
 * for Research Workers, 1932). Twice the sum of -ln p of k independent buckets has a chi-squared distribution with 2k degrees
 * of freedom, whose tail is a finite sum.
 */
export function jointSurprise({ buckets, surpriseSum }: Pick<Extent, 'buckets' | 'surpriseSum'>): number {
  const x = surpriseSum * Math.LN10;
  // ln of sum_{j<k} x^j / j!, by its largest term.
  let logTerm = 0;
  let logSum = 0;
  for (let j = 1; j < buckets; j += 1) {
    logTerm += Math.log(x / j);
    const high = Math.max(logSum, logTerm);
    logSum = high + Math.log(Math.exp(logSum - high) + Math.exp(logTerm - high));
  }
  return Math.max(0, (x - logSum) / Math.LN10);
}

const LEVELS: readonly { severity: Severity; surprise: number; change: number }[] = [
  { severity: 'critical', surprise: 6, change: 0.8 },
  { severity: 'warning', surprise: 4, change: 0.5 },
];

/**
 * How bad an incident is: by how improbable it is, as a whole or at its peak, and by how large the change is against what
 * was expected. Something tiny is never critical for being certain, nor something large for being possible.
 */
export function severityOf(extent: Extent, peakSurprise: number): Severity {
  const surprise = Math.max(peakSurprise, jointSurprise(extent));
  const difference = Math.abs(extent.observedSum - extent.expectedSum);
  const change =
    extent.expectedSum === 0 ? (difference === 0 ? 0 : Infinity) : difference / Math.abs(extent.expectedSum);
  return LEVELS.find((level) => surprise >= level.surprise && change >= level.change)?.severity ?? 'info';
}

export function worseOf(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b;
}
