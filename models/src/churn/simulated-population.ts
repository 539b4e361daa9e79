import { keyOfPerson } from './sample.js';
import type { ActiveDays } from './history.js';

/** Populations whose law is known, for tests. Times in days. */
export type Law =
  | { kind: 'bg-nbd' | 'mbg-nbd'; r: number; alpha: number; a: number; b: number }
  | { kind: 'pareto-nbd'; r: number; alpha: number; s: number; beta: number };

export interface Person {
  start: number;
  /** Times of what came after the start. */
  repeats: number[];
}

/** People who come for the first time evenly over `arrivalDays`, and what they do up to `untilDay`. */
export function simulatePeople(
  law: Law,
  options: { people: number; arrivalDays: number; untilDay: number; seed: number },
): Person[] {
  const random = createRandom(options.seed);
  const exponential = (): number => -Math.log(1 - random());
  return Array.from({ length: options.people }, () => {
    const start = random() * options.arrivalDays;
    const rate = gamma(law.r, random) / law.alpha;
    let end = options.untilDay;
    let leaves = 0;
    if (law.kind === 'pareto-nbd') {
      end = Math.min(end, start + exponential() / (gamma(law.s, random) / law.beta));
    } else {
      const a = gamma(law.a, random);
      leaves = a / (a + gamma(law.b, random));
    }
    const repeats: number[] = [];
    let isThere = !(law.kind === 'mbg-nbd' && random() < leaves);
    for (let at = start + exponential() / rate; isThere && at < end; at += exponential() / rate) {
      repeats.push(at);
      isThere = random() >= leaves;
    }
    return { start, repeats };
  });
}

export function activeDaysOf(people: readonly Person[]): ActiveDays[] {
  return people.map(({ start, repeats }, index) => ({
    key: keyOfPerson(`person ${index}`),
    days: [...new Set([start, ...repeats].map(Math.floor))],
  }));
}

/** mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Gamma(shape, rate 1): Marsaglia & Tsang 2000. */
export function gamma(shape: number, random: () => number): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * normal) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random()) < normal * normal * 0.5 + d - d * v + d * Math.log(v)) return d * v;
  }
}
