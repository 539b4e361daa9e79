import type { Direction } from '../monitor.js';
import type { StateReader, StateWriter } from '../state-bytes.js';

/** Odds for "as usual again" against "as in the incident" that end it. */
const LN_ODDS_TO_RECOVER = Math.log(100);
const FEWEST_CALM_BUCKETS = 2;

/**
 * What is seen while an incident is open: how far from the expected, and whether it goes on. Recovery is a sequential
 * likelihood ratio test (Wald 1945, restarted at zero as by Page): each bucket weighs the usual rate against the rate of the
 * incident, so a hundred events need one or two buckets, and a handful a day as many as it takes.
 */
export class Excursion {
  #isOpen = false;
  #direction: Direction = 'down';
  #count = 0;
  #mean = 0;
  #buckets = 0;
  #lnOdds = 0;
  #calm = 0;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get direction(): Direction {
    return this.#direction;
  }

  /** Observed over expected, since it began. */
  get ratio(): number {
    return this.#mean > 0 ? this.#count / this.#mean : 1;
  }

  get buckets(): number {
    return this.#buckets;
  }

  open(direction: Direction, count: number, mean: number): void {
    this.#isOpen = true;
    this.#direction = direction;
    this.#count = count;
    this.#mean = mean;
    this.#buckets = 0;
    this.#lnOdds = 0;
    this.#calm = 0;
  }

  close(): void {
    this.#isOpen = false;
  }

  /** Unknown buckets: time goes by. */
  pass(buckets: number): void {
    this.#buckets += buckets;
  }

  /**
   * @param variance of the count around the usual mean
   * @param isCalm the bucket alone is nothing out of the ordinary, in either direction
   * @returns true when it is over
   */
  add(count: number, mean: number, variance: number, isCalm: boolean): boolean {
    this.#buckets += 1;
    const ratio =
      this.#direction === 'down'
        ? Math.min(0.8, Math.max(0.02, this.ratio))
        : Math.min(20, Math.max(1.25, this.ratio));
    const lnLikelihood = (mean * (ratio - 1) - count * Math.log(ratio)) * (mean / variance);
    this.#lnOdds = isCalm ? Math.max(0, this.#lnOdds + lnLikelihood) : 0;
    this.#calm = isCalm ? this.#calm + 1 : 0;
    if (this.#lnOdds === 0) {
      this.#count += count;
      this.#mean += mean;
    }
    return this.#lnOdds >= LN_ODDS_TO_RECOVER && this.#calm >= FEWEST_CALM_BUCKETS;
  }

  write(to: StateWriter): void {
    to.number(this.#isOpen ? 1 : 0).number(this.#direction === 'up' ? 1 : 0);
    to.number(this.#count).number(this.#mean).number(this.#buckets);
    to.number(this.#lnOdds).number(this.#calm);
  }

  read(from: StateReader): void {
    this.#isOpen = from.number() === 1;
    this.#direction = from.number() === 1 ? 'up' : 'down';
    this.#count = from.number();
    this.#mean = from.number();
    this.#buckets = from.number();
    this.#lnOdds = from.number();
    this.#calm = from.number();
  }
}
