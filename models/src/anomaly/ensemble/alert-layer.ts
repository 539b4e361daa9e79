import type { StateMemory } from './state-memory.js';

/** Decides which points of a score are an alert. */
export interface AlertLayer {
  /** Whether this score of a point is one. */
  step(score: number, dayShare: number, startMs: number): boolean;
}

export interface AlertLayerOptions {
  /** Score from which a point may alert. */
  threshold: number;
}

const REST_POINTS_LEAST = 20;
const REST_POINTS_MOST = 120;
const REST_SHARE = 0.1;
/** What the threshold is raised by for each alert before, halved in as many points. */
const RAISE = 0.07;
const RAISE_HALF_LIFE_POINTS = 1_000;
const REMEMBERED = 64;
/** Twenty minutes, and a bit for rounding. */
const SAME_TIME_DAY_SHARE = 20.01 / 1_440;
const OTHER_DAY_MS = 12 * 3_600_000;
const STRONGER = 1.2;

/**
 * Keeps alerts rare and worth reading: after an alert there is a rest, every alert raises the threshold for a while, and
 * what comes at the time of day of an earlier alert must be stronger than it was, for it is probably a daily habit.
 */
export function createAlertLayer(state: StateMemory, { threshold }: AlertLayerOptions): AlertLayer {
  const [POINTS, LAST, RAISED, ALERTS] = [0, 1, 2, 3];
  const own = state.doubles(4);
  const scores = state.doubles(REMEMBERED);
  const timesOfDay = state.doubles(REMEMBERED);
  const starts = state.doubles(REMEMBERED);
  own[LAST] = -REST_POINTS_MOST;
  const halving = 0.5 ** (1 / RAISE_HALF_LIFE_POINTS);

  const isHabit = (score: number, dayShare: number, startMs: number): boolean => {
    for (let index = 0; index < Math.min(own[ALERTS]!, REMEMBERED); index++) {
      if (startMs - starts[index]! < OTHER_DAY_MS) continue;
      const apart = Math.abs(timesOfDay[index]! - dayShare);
      if (Math.min(apart, 1 - apart) <= SAME_TIME_DAY_SHARE && score < scores[index]! * STRONGER) return true;
    }
    return false;
  };

  return {
    step(score, dayShare, startMs) {
      const point = own[POINTS]!;
      own[POINTS]! += 1;
      own[RAISED]! *= halving;
      const rest = Math.max(REST_POINTS_LEAST, Math.min(REST_POINTS_MOST, REST_SHARE * point));
      if (point - own[LAST]! <= rest) return false;
      if (score < threshold * (1 + RAISE * own[RAISED]!)) return false;
      if (isHabit(score, dayShare, startMs)) return false;
      const place = own[ALERTS]! % REMEMBERED;
      scores[place] = score;
      timesOfDay[place] = dayShare;
      starts[place] = startMs;
      own[ALERTS]! += 1;
      own[LAST] = point;
      own[RAISED]! += 1;
      return true;
    },
  };
}
