import { PART_CUTOFFS, SHORTEST_SHARE, WINDOWS, windowSpacing } from './plan-cutoffs.js';
import type { Snapshot } from './snapshot.js';

export interface ChosenWindow {
  snapshot: Snapshot;
  horizonDays: number;
}

const MIN_PEOPLE_OF_WINDOW = 100;

/**
 * What can be learned of a horizon from what was known at the end of `asOf`: the most recent windows of its whole length; if
 * there are none, shorter ones that end at `asOf`.
 */
export function chooseWindows(
  past: readonly Snapshot[],
  firstDay: number,
  asOf: number,
  horizonDays: number,
): ChosenWindow[] {
  const usable = past
    .filter(({ people, cutoffDay }) => people >= MIN_PEOPLE_OF_WINDOW && cutoffDay < asOf)
    .sort((one, other) => other.cutoffDay - one.cutoffDay);

  const whole: ChosenWindow[] = [];
  for (const snapshot of usable) {
    const { cutoffDay, followedDays } = snapshot;
    if (cutoffDay + horizonDays > asOf || followedDays < horizonDays) continue;
    const last = whole.at(-1)?.snapshot.cutoffDay;
    if (last !== undefined && last - cutoffDay < windowSpacing(horizonDays)) continue;
    whole.push({ snapshot, horizonDays });
    if (whole.length === WINDOWS) break;
  }
  if (whole.length > 0) return whole;

  const part = usable.filter(({ cutoffDay, followedDays }) => {
    const length = asOf - cutoffDay;
    return length >= SHORTEST_SHARE * horizonDays && followedDays >= length;
  });
  const chosen = new Set<Snapshot>();
  for (const share of PART_CUTOFFS) {
    const wanted = firstDay + share * (asOf - firstDay);
    const nearest = part.reduce<Snapshot | null>(
      (best, one) =>
        best === null || Math.abs(one.cutoffDay - wanted) < Math.abs(best.cutoffDay - wanted) ? one : best,
      null,
    );
    if (nearest !== null) chosen.add(nearest);
  }
  return [...chosen].map((snapshot) => ({ snapshot, horizonDays: asOf - snapshot.cutoffDay }));
}

/**
 * The window to test on: the most recent that was followed for the whole horizon and leaves half as long a past again before
 * it; else one that takes up to half of all that is known.
 */
export function chooseTest(
  past: readonly Snapshot[],
  firstDay: number,
  lastDay: number,
  horizonDays: number,
): ChosenWindow | null {
  const length = Math.min(horizonDays, Math.floor((lastDay - firstDay) / 2));
  let best: Snapshot | null = null;
  for (const snapshot of past) {
    if (snapshot.people < MIN_PEOPLE_OF_WINDOW) continue;
    if (snapshot.cutoffDay + length > lastDay || snapshot.followedDays < length) continue;
    if (best === null || snapshot.cutoffDay > best.cutoffDay) best = snapshot;
  }
  return best === null ? null : { snapshot: best, horizonDays: length };
}
