import { createRandom, gamma } from '../random/index.js';
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
