import type { Direction } from '../monitor.js';
import type { StateReader, StateWriter } from '../state-bytes.js';
import { Dispersion } from './dispersion.js';
import { lnMidTail } from './negative-binomial.js';

/** Buckets that are taken together. The long ones only where the others hold too few events to tell anything. */
const SHORT_SCALES = [1, 2, 3, 4, 6, 8, 12, 24] as const;
const LONG_SCALES = [72, 288] as const;
const LONG_BELOW_EXPECTED = 20;
/** A window with fewer events than this, seen and expected, is not judged. */
const FEWEST_EVENTS = 5;
const DAYS_REMEMBERED = 21;

export interface RolledUp {
  direction: Direction;
  /** -ln of the tail probability of the most surprising window that ends with this bucket. */
  surprise: number;
  /** How many buckets that window holds. */
  buckets: number;
}

/**
 * The latest buckets, taken together over several scales at once, each against its own predictive distribution: a negative
 * binomial with the variances of its buckets and a dispersion learnt for the scale, which takes in what neighbouring
 * buckets have in common.
 */
export class RollUps {
  readonly #scales: readonly number[];
  readonly #dispersions: Dispersion[];
  readonly #size: number;
  /** Running totals after each of the latest buckets: count, mean, uncertain²·mean², mean², and what holidays share. */
  readonly #totals: Float64Array[];
  #at = 0;
  #held = 0;

  constructor(bucketsPerDay: number) {
    this.#scales = bucketsPerDay > 1 ? [...SHORT_SCALES, ...LONG_SCALES] : [1, 2, 3, 4, 7];
    this.#size = this.#scales.at(-1)! + 1;
    this.#totals = Array.from({ length: 5 }, () => new Float64Array(this.#size));
    this.#dispersions = this.#scales.map(
      (scale) => new Dispersion(DAYS_REMEMBERED * Math.max(bucketsPerDay, scale / 3)),
    );
  }

  /** Dispersion of single buckets. */
  get dispersion(): number {
    return this.#dispersions[0]!.value;
  }

  /** Relative variance of the rate of one bucket: how well it is known, and how much it varies by itself. */
  spreadOf(uncertainty: number): number {
    return this.dispersion + uncertainty;
  }

  add(count: number, mean: number, uncertainty: number, sharedUncertainty: number): void {
    const last = this.#at;
    this.#at = (this.#at + 1) % this.#size;
    const added = [
      count,
      mean,
      (uncertainty - sharedUncertainty) * mean * mean,
      mean * mean,
      Math.sqrt(sharedUncertainty) * mean,
    ];
    for (let i = 0; i < added.length; i++) this.#totals[i]![this.#at] = this.#totals[i]![last]! + added[i]!;
    this.#held = Math.min(this.#held + 1, this.#size - 1);
  }

  /** Events expected in one of the latest buckets. */
  usualMean(): number {
    const buckets = Math.min(24, this.#held);
    return buckets === 0 ? 0 : this.#total(1, buckets) / buckets;
  }

  /** Unknown buckets: windows move on. */
  pass(buckets: number): void {
    for (let i = 0; i < Math.min(buckets, this.#size); i++) this.add(0, 0, 0, 0);
  }

  /** The most surprising window in each direction, null where none is worth a look. */
  judge(): { up: RolledUp | null; down: RolledUp | null } {
    let up: RolledUp | null = null;
    let down: RolledUp | null = null;
    for (let s = 0; s < this.#scales.length; s++) {
      const buckets = this.#scales[s]!;
      if (buckets > this.#held) break;
      if (buckets > 24 && this.#total(1, 24) >= LONG_BELOW_EXPECTED) break;
      const mean = this.#total(1, buckets);
      const count = this.#total(0, buckets);
      if (Math.max(count, mean) < FEWEST_EVENTS || mean <= 0) continue;
      const variance = this.#variance(s, buckets, mean);
      if (Math.abs(count - mean) < 1.5 * Math.sqrt(variance)) continue;
      const direction = count > mean ? 'up' : 'down';
      const surprise = -lnMidTail(count, mean, (variance - mean) / (mean * mean), direction);
      const found = { direction, surprise, buckets } as const;
      if (direction === 'up') up = up === null || surprise > up.surprise ? found : up;
      else down = down === null || surprise > down.surprise ? found : down;
    }
    return { up, down };
  }

  /** Takes the latest windows into the dispersions. */
  learn(): void {
    for (let s = 0; s < this.#scales.length; s++) {
      const buckets = this.#scales[s]!;
      if (buckets > this.#held) break;
      const mean = this.#total(1, buckets);
      if (mean <= 0) continue;
      this.#dispersions[s]!.learn(this.#total(0, buckets), mean, this.#knownVariance(s, buckets, mean));
    }
  }

  /** Windows never reach back behind this moment. */
  forgetWindows(): void {
    this.#held = 0;
  }

  fadeDispersions(by: number): void {
    for (const each of this.#dispersions) each.fade(by);
  }

  write(to: StateWriter): void {
    to.number(this.#at).number(this.#held);
    for (const each of this.#totals) to.numbers(each);
    for (const each of this.#dispersions) each.write(to);
  }

  read(from: StateReader): void {
    this.#at = from.number();
    this.#held = from.number();
    for (const each of this.#totals) from.numbersInto(each);
    for (const each of this.#dispersions) each.read(from);
  }

  #variance(scale: number, buckets: number, mean: number): number {
    const own = this.#dispersions[scale]!.value * mean * mean;
    return this.#knownVariance(scale, buckets, mean) + own;
  }

  #knownVariance(scale: number, buckets: number, mean: number): number {
    const single = scale === 0 ? 0 : this.dispersion * this.#total(3, buckets);
    return mean + this.#total(2, buckets) + single + this.#total(4, buckets) ** 2;
  }

  #total(of: number, buckets: number): number {
    const totals = this.#totals[of]!;
    return totals[this.#at]! - totals[(this.#at - buckets + this.#size) % this.#size]!;
  }
}
