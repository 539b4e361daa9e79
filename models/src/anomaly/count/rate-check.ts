import type { StateReader, StateWriter } from '../state-bytes.js';

const DAY_MS = 86_400_000;
/** A looser threshold is crossed so many times as often: often enough to count in weeks. */
const LOOSER = 8;
/** Crossings that weigh as much as what is believed before any was seen (Gamma prior of that shape and rate). */
const PRIOR_CROSSINGS = 4;
const DAYS_REMEMBERED = 60;
/** Heavier tails grow heavier further out: by how much the logarithm is stretched from the looser threshold to the real. */
const STRETCH = 1.5;
/** Crossings closer than this are one. */
const APART_BUCKETS = 12;

/**
 * Compares how often a looser threshold is crossed with how often it should be, and corrects the real one: the number is
 * Poisson with a Gamma prior around the model's own rate, so a series that follows the model is left alone, and one that
 * does not gets the false alerts that were configured all the same.
 */
export class RateCheck {
  readonly #expectedPerBucket: number;
  readonly #keep: number;
  #crossings = 0;
  #expected = 0;
  #sinceCrossing = APART_BUCKETS;

  /** @param alertsPerBucket the configured rate */
  constructor(intervalMs: number, alertsPerBucket: number) {
    this.#expectedPerBucket = LOOSER * alertsPerBucket;
    this.#keep = Math.exp(-intervalMs / DAY_MS / DAYS_REMEMBERED);
  }

  /** Added to thresholds of surprise. */
  get correction(): number {
    const rate = (PRIOR_CROSSINGS + this.#crossings) / (PRIOR_CROSSINGS + this.#expected);
    return STRETCH * Math.log(rate);
  }

  /** @param excess surprise of a bucket above the threshold of the model */
  add(excess: number): void {
    this.#crossings *= this.#keep;
    this.#expected = this.#expected * this.#keep + this.#expectedPerBucket;
    if (excess < -Math.log(LOOSER)) {
      this.#sinceCrossing += 1;
      return;
    }
    if (this.#sinceCrossing >= APART_BUCKETS) this.#crossings += 1;
    this.#sinceCrossing = 0;
  }

  write(to: StateWriter): void {
    to.number(this.#crossings).number(this.#expected).number(this.#sinceCrossing);
  }

  read(from: StateReader): void {
    this.#crossings = from.number();
    this.#expected = from.number();
    this.#sinceCrossing = from.number();
  }
}
