/** Errors of the past on the scale of errors, by how far ahead they were made. */
export interface Bands {
  /** Notes that so much was expected so many steps ahead, and how far off it was. */
  note(step: number, expected: number, error: number): void;
  /** Takes every error noted so far into account from now on; without it, most of them are. */
  renew(): void;
  /** How far off a value can be, below and above, so that a share of values lies within; undefined while that is not known. */
  reach(step: number, expected: number, share: number): { below: number; above: number } | undefined;
}

/** Fewer errors than this say nothing about 95 of 100. */
const MIN_ERRORS = 19;
/** From so many on, the two sides are looked at each by itself. */
const BOTH_SIDES = 160;
/** Quantiles are taken anew when there are so many times as many errors: each time costs a sort. */
const RENEWED_AT = 1.05;
const LEAST_SPREAD = 1e-9;

/**
 * Steps ahead that are as good as the same: 1, 2 and 3, 4 to 7, 8 to 15 … What is left over at the end goes with the ones before.
 *
 * @param steps How far ahead the furthest forecast is.
 */
export function horizonOf(step: number, steps: number): number {
  return Math.floor(Math.log2(Math.min(step, Math.max(1, (steps + 1) / 1.5))));
}

export function horizonsOf(steps: number): number {
  return horizonOf(steps, steps) + 1;
}

/**
 * Split conformal bands (Vovk et al., Algorithmic Learning in a Random World, 2005): of errors that were made out of sample, as
 * far ahead, and divided by how large errors usually are at that size, the quantile with its correction for their number.
 * Nothing is assumed of how they are distributed.
 */
export function createBands(steps: number): Bands {
  const noted = Array.from({ length: horizonsOf(steps) }, () => ({
    sizes: [] as number[],
    errors: [] as number[],
  }));
  // Mean size of errors as a line over the root of what was expected: level for Poisson counts, rising for others.
  const line = { n: 0, x: 0, xx: 0, y: 0, xy: 0 };
  /** Quantiles that were asked for since the last error was noted. */
  const found = new Map<string, { below: number; above: number } | undefined>();
  const sorted = new Map<number, Float64Array>();

  let renewedAt = 0;

  function renew(): void {
    found.clear();
    sorted.clear();
    renewedAt = line.n;
  }

  function spreadAt(size: number): number {
    const { n, x, xx, y, xy } = line;
    const spreadX = n * xx - x * x;
    let slope = spreadX > 1e-12 * xx * n ? (n * xy - x * y) / spreadX : 0;
    let base = n > 0 ? (y - slope * x) / n : 0;
    if (slope < 0) [slope, base] = [0, n > 0 ? y / n : 0];
    else if (base < 0) [slope, base] = [xx > 0 ? xy / xx : 0, 0];
    return Math.max(base + slope * size, LEAST_SPREAD);
  }

  function scoresOf(horizon: number): Float64Array {
    const known = sorted.get(horizon);
    if (known !== undefined) return known;
    const { sizes, errors } = noted[horizon]!;
    const scores = Float64Array.from(errors, (error, index) => error / spreadAt(sizes[index]!)).sort();
    sorted.set(horizon, scores);
    return scores;
  }

  function quantiles(horizon: number, share: number): { below: number; above: number } | undefined {
    const scores = scoresOf(horizon);
    const n = scores.length;
    if (n < MIN_ERRORS) return undefined;
    if (n < BOTH_SIDES) {
      const sizes = scores.map(Math.abs).sort();
      const reach = sizes[Math.min(n, Math.ceil((n + 1) * share)) - 1]!;
      return { below: reach, above: reach };
    }
    const rank = Math.min(n, Math.ceil((n + 1) * (1 - (1 - share) / 2)));
    return { below: Math.max(0, -scores[n - rank]!), above: Math.max(0, scores[rank - 1]!) };
  }

  /** What is further ahead is not known better: a band is at least as wide as the ones before it. */
  function known(horizon: number, share: number): { below: number; above: number } | undefined {
    const key = `${horizon} ${share}`;
    if (found.has(key)) return found.get(key);
    const own = quantiles(horizon, share);
    const nearer = horizon === 0 ? { below: 0, above: 0 } : known(horizon - 1, share);
    const reach =
      own === undefined || nearer === undefined
        ? undefined
        : { below: Math.max(own.below, nearer.below), above: Math.max(own.above, nearer.above) };
    found.set(key, reach);
    return reach;
  }

  return {
    note(step, expected, error) {
      const size = Math.sqrt(Math.max(expected, 0));
      const horizon = noted[horizonOf(step, steps)]!;
      horizon.sizes.push(size);
      horizon.errors.push(error);
      const far = Math.abs(error);
      line.n += 1;
      line.x += size;
      line.xx += size * size;
      line.y += far;
      line.xy += size * far;
      if (line.n > RENEWED_AT * renewedAt) renew();
    },
    renew,
    reach(step, expected, share) {
      const reach = known(horizonOf(step, steps), share);
      if (reach === undefined) return undefined;
      const spread = spreadAt(Math.sqrt(Math.max(expected, 0)));
      return { below: reach.below * spread, above: reach.above * spread };
    },
  };
}
