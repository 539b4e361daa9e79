import { createRandom, gamma } from '@sluice/models/random';

/** Pareto/NBD in days, and when people come. */
export interface Population {
  r: number;
  alpha: number;
  s: number;
  beta: number;
  /** People come for the first time evenly over this many days from day 0 on. */
  arrivalDays: number;
  /** Nothing is drawn beyond this day. */
  lastDay: number;
}

/**
 * Draws the active days of one person after the other: each comes at an own rate, Gamma(r, rate alpha), for an own lifetime of
 * rate Gamma(s, rate beta). The array of days is the same one for each person.
 */
export function createPopulation(population: Population, seed: number): () => number[] {
  const random = createRandom(seed);
  const days: number[] = [];
  const exponential = (): number => -Math.log(1 - random());
  return () => {
    const start = random() * population.arrivalDays;
    const rate = gamma(population.r, random) / population.alpha;
    const end = Math.min(
      population.lastDay + 1,
      start + exponential() / (gamma(population.s, random) / population.beta),
    );
    days.length = 0;
    let day = Math.floor(start);
    days.push(day);
    for (;;) {
      // What else happens on the same day does not count, and arrivals have no memory: the next one is drawn from its end on.
      const at = day + 1 + exponential() / rate;
      if (!(at < end)) break;
      day = Math.floor(at);
      days.push(day);
    }
    return days;
  };
}
