import { createRandom } from '../../faults/random.js';

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

/** Gamma(shape, rate 1): Marsaglia & Tsang, A simple method for generating gamma variables, 2000. */
function gamma(shape: number, random: () => number): number {
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
