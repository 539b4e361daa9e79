/** Horizons of which churn is told unless others are asked for, days. */
export const CHURN_HORIZONS: readonly number[] = [7, 30, 90];

export interface PlannedCutoff {
  cutoffDay: number;
  followedDays: number;
}

/** Windows to learn one horizon from, at most, as of one day. */
export const WINDOWS = 3;

/** A window shorter than its horizon is still worth learning from when it is at least this share of it. */
export const SHORTEST_SHARE = 1 / 4;

/** Days between the first known day and a cutoff, at least: before that there is no history to speak of. */
const SHORTEST_PAST = 7;

/** Of a span too short for whole windows: the cutoffs, as shares of it. */
export const PART_CUTOFFS = [1 / 3, 1 / 2, 2 / 3];

/**
 * The snapshots of the past that `trainChurnModel` can use: for each horizon one to test on, as recent as can be followed in
 * whole, and some before it and including it to learn from. Each follows its people up to `lastDay`.
 *
 * @param firstDay first day of which anything is known, days since 1970
 * @param lastDay last day that is complete
 */
export function planCutoffs(span: {
  firstDay: number;
  lastDay: number;
  horizons?: readonly number[];
}): PlannedCutoff[] {
  const { firstDay, lastDay, horizons = CHURN_HORIZONS } = span;
  const cutoffs = new Set<number>();
  for (const horizon of horizons) {
    const test = testCutoff(firstDay, lastDay, horizon);
    cutoffs.add(test);
    for (const asOf of [lastDay, test]) {
      for (const cutoff of learningCutoffs(firstDay, asOf, horizon)) cutoffs.add(cutoff);
    }
  }
  return [...cutoffs]
    .filter((cutoff) => cutoff - firstDay >= SHORTEST_PAST && cutoff < lastDay)
    .sort((one, other) => one - other)
    .map((cutoffDay) => ({ cutoffDay, followedDays: lastDay - cutoffDay }));
}

/** Days between cutoffs of windows of one horizon. */
export function windowSpacing(horizon: number): number {
  return Math.max(7, Math.round(horizon / 2));
}

/** A horizon longer than half of what is known is tested by half of it. */
function testCutoff(firstDay: number, lastDay: number, horizon: number): number {
  return lastDay - Math.min(horizon, Math.floor((lastDay - firstDay) / 2));
}

function learningCutoffs(firstDay: number, asOf: number, horizon: number): number[] {
  const span = asOf - firstDay;
  if (span < horizon + SHORTEST_PAST || span < 1.5 * horizon) {
    return PART_CUTOFFS.map((share) => firstDay + Math.round(share * span)).filter(
      (cutoff) => asOf - cutoff >= SHORTEST_SHARE * horizon,
    );
  }
  const cutoffs: number[] = [];
  for (let window = 0; window < WINDOWS; window += 1) {
    const cutoff = asOf - horizon - window * windowSpacing(horizon);
    if (window > 0 && cutoff - firstDay < horizon / 2) break;
    cutoffs.push(cutoff);
  }
  return cutoffs;
}
