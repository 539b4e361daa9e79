import type { StateReader, StateWriter } from '../state-bytes.js';

/** What is believed of a dispersion before anything was seen, and how firmly (inverse variance). */
const PRIOR = { dispersion: 0.01, information: 300 } as const;
/** Residuals count up to so many deviations: an incident is no dispersion. */
const CLIP = 4;

/**
 * Learns by how much sums vary more than they should: c in Var = known + c·mean², by weighted moments. An observation of c
 * is ((x - mean)² - known) / mean², its weight the inverse of its variance under what is believed so far
 * (2·Var² + mean) / mean⁴; old ones fade. Never negative: what is known of a rate gets better by the week, so what was taken for too much of it is no measure of the next week's.
 */
export class Dispersion {
  readonly #keep: number;
  #information = 0;
  #sum = 0;

  constructor(observationsRemembered: number) {
    this.#keep = Math.exp(-1 / observationsRemembered);
  }

  get value(): number {
    const sum = PRIOR.information * PRIOR.dispersion + this.#sum;
    return Math.max(0, sum / (PRIOR.information + this.#information));
  }

  /** @param knownVariance what is known of the variance without c */
  learn(count: number, mean: number, knownVariance: number): void {
    const variance = knownVariance + this.value * mean * mean;
    const square = Math.min((count - mean) ** 2, CLIP * CLIP * variance);
    const information = mean ** 4 / (2 * variance * variance + mean);
    this.#information = this.#information * this.#keep + information;
    this.#sum = this.#sum * this.#keep + (information * (square - knownVariance)) / (mean * mean);
  }

  /** Takes what was learnt for less certain by this factor. */
  fade(by: number): void {
    this.#information *= by;
    this.#sum *= by;
  }

  write(to: StateWriter): void {
    to.number(this.#information).number(this.#sum);
  }

  read(from: StateReader): void {
    this.#information = from.number();
    this.#sum = from.number();
  }
}
