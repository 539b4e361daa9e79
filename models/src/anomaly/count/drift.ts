import type { Direction } from '../monitor.js';
import type { StateReader, StateWriter } from '../state-bytes.js';
import { Dispersion } from './dispersion.js';

/** Deviations of a day that are no drift, taken off each day's: best for drifts of twice as much a day. */
const ALLOWANCE = 0.5;
const DAYS_REMEMBERED = 28;
/** A day counts when so much of its usual number was known. */
const FEWEST_KNOWN = 0.5;
const LARGEST_STEP = 4;

/**
 * Slow drifts: two cumulative sums over the standardised differences of whole local days (Page 1954),
 * S = max(0, S ± z - 0.5). A day's variance is what is known of it and a dispersion learnt from days.
 */
export class DriftSums {
  readonly #dispersion = new Dispersion(DAYS_REMEMBERED);
  #dayNumber = Number.NaN;
  #count = 0;
  #mean = 0;
  #known = 0;
  #usualMean = Number.NaN;
  #up = 0;
  #down = 0;
  #upSinceMs = Number.NaN;
  #downSinceMs = Number.NaN;
  #dayStartMs = Number.NaN;

  /**
   * Adds a bucket.
   * @returns the sums, when the bucket is the first of a new day; otherwise null.
   */
  add(dayNumber: number, startMs: number, count: number, mean: number, known: number): DriftReading | null {
    const reading = this.turnTo(dayNumber, startMs);
    this.#count += count;
    this.#mean += mean;
    this.#known += known;
    return reading;
  }

  turnTo(dayNumber: number, startMs: number): DriftReading | null {
    if (dayNumber === this.#dayNumber) return null;
    const reading = Number.isNaN(this.#dayNumber) ? null : this.#closeDay();
    this.#dayNumber = dayNumber;
    this.#dayStartMs = startMs;
    this.#count = 0;
    this.#mean = 0;
    this.#known = 0;
    return reading;
  }

  /** After an incident: what was is settled. */
  restart(): void {
    this.#up = 0;
    this.#down = 0;
    this.#count = 0;
    this.#mean = 0;
    this.#known = 0;
  }

  fadeDispersion(by: number): void {
    this.#dispersion.fade(by);
  }

  write(to: StateWriter): void {
    to.number(this.#dayNumber).number(this.#count).number(this.#mean).number(this.#known);
    to.number(this.#usualMean).number(this.#up).number(this.#down);
    to.number(this.#upSinceMs).number(this.#downSinceMs).number(this.#dayStartMs);
    this.#dispersion.write(to);
  }

  read(from: StateReader): void {
    this.#dayNumber = from.number();
    this.#count = from.number();
    this.#mean = from.number();
    this.#known = from.number();
    this.#usualMean = from.number();
    this.#up = from.number();
    this.#down = from.number();
    this.#upSinceMs = from.number();
    this.#downSinceMs = from.number();
    this.#dayStartMs = from.number();
    this.#dispersion.read(from);
  }

  #closeDay(): DriftReading | null {
    const mean = this.#mean;
    if (mean <= 0) return null;
    const usual = Number.isNaN(this.#usualMean) ? mean : this.#usualMean;
    this.#usualMean = usual + (mean - usual) / 7;
    if (mean < FEWEST_KNOWN * usual) return null;
    const known = mean + this.#known;
    const z = (this.#count - mean) / Math.sqrt(known + this.#dispersion.value * mean * mean);
    this.#dispersion.learn(this.#count, mean, known);
    const step = Math.max(-LARGEST_STEP, Math.min(LARGEST_STEP, z));
    if (this.#up === 0) this.#upSinceMs = this.#dayStartMs;
    if (this.#down === 0) this.#downSinceMs = this.#dayStartMs;
    this.#up = Math.max(0, this.#up + step - ALLOWANCE);
    this.#down = Math.max(0, this.#down - step - ALLOWANCE);
    return this.#up >= this.#down
      ? { direction: 'up', sum: this.#up, sinceMs: this.#upSinceMs }
      : { direction: 'down', sum: this.#down, sinceMs: this.#downSinceMs };
  }
}

export interface DriftReading {
  direction: Direction;
  sum: number;
  sinceMs: number;
}

/**
 * Height a one-sided sum reaches once in so many days by chance: Siegmund's approximation (1985, with the overshoot 1.166),
 * days = (exp(2kb) - 2kb - 1) / (2k²), b = height + 1.166, solved for the height.
 */
export function driftHeight(days: number): number {
  const k = ALLOWANCE;
  let x = Math.log(2 * k * k * days + 1);
  for (let i = 0; i < 50; i++) x = Math.log(2 * k * k * days + 1 + x);
  return Math.max(0.5, x / (2 * k) - 1.166);
}
