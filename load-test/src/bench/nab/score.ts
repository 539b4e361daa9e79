/**
 * The rules of the Numenta Anomaly Benchmark, written anew from its paper (Lavin and Ahmad, "Evaluating Real-Time Anomaly
 * Detection Algorithms", 2015) and its reference scorer: https://github.com/numenta/NAB (MIT since December 2024).
 */

/** What a window found, a window missed and a false alarm weigh. */
export interface Profile {
  readonly truePositive: number;
  readonly falseNegative: number;
  readonly falsePositive: number;
}

export const PROFILES = {
  standard: { truePositive: 1, falseNegative: 1, falsePositive: 0.11 },
  lowFp: { truePositive: 1, falseNegative: 1, falsePositive: 0.22 },
  lowFn: { truePositive: 1, falseNegative: 2, falsePositive: 0.11 },
} as const satisfies Record<string, Profile>;
export type ProfileName = keyof typeof PROFILES;
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];

/** First and last row of a window, both in it. */
export interface RowWindow {
  readonly first: number;
  readonly last: number;
}

/** One file of the corpus with what a detector said of each of its rows. */
export interface ScoredSeries {
  readonly name: string;
  readonly scores: ArrayLike<number>;
  /** In the order of time, apart from each other. */
  readonly windows: readonly RowWindow[];
}

export interface Outcome {
  /**
   * 0 is a detector that says nothing, 100 one that finds every window at its first row and nothing else; NaN where there
   * is no window.
   */
  score: number;
  /** Before normalising. */
  raw: number;
  /** Windows with a detection outside of probation. */
  detected: number;
  /** Rows outside of windows that were flagged. */
  falsePositives: number;
}

/** A row that is scored: what it is worth when it is flagged, without the weight of a profile. */
interface Row {
  score: number;
  worth: number;
  /** Number of its window in the corpus; -1 outside of all. */
  window: number;
}

const PROBATION_SHARE = 0.15;
const PROBATION_ROWS_AT_MOST = 750;
const WORTH_OF_FIRST_ROW = scaledSigmoid(-1);

/** Rows at the start of a series in which a detector may learn: nothing in them counts. */
export function probationRows(rows: number): number {
  return Math.min(Math.floor(PROBATION_SHARE * rows), PROBATION_ROWS_AT_MOST);
}

/** -1 to 1: what a detection is worth by its place, in widths of the window from its right edge. */
export function scaledSigmoid(place: number): number {
  return place > 3 ? -1 : 2 / (1 + Math.exp(5 * place)) - 1;
}

/** What flagging each row is worth: up to 1 in a window, down to -1 outside. */
export function rowWorths(rows: number, windows: readonly RowWindow[]): Float64Array {
  const worths = new Float64Array(rows).fill(-1);
  for (const [index, { first, last }] of windows.entries()) {
    const width = last - first + 1;
    for (let row = first; row <= last; row++) {
      worths[row] = scaledSigmoid(-(last - row + 1) / width) / WORTH_OF_FIRST_ROW;
    }
    const end = windows[index + 1]?.first ?? rows;
    for (let row = last + 1; row < end; row++) worths[row] = scaledSigmoid((row - last) / (width - 1));
  }
  return worths;
}

/** What a corpus gives with one threshold: rows with at least this score are flagged. */
export function scoreAt(corpus: readonly ScoredSeries[], profile: Profile, threshold: number): Outcome {
  const { rows, windows } = openRows(corpus);
  const best = new Float64Array(windows.total).fill(Number.NEGATIVE_INFINITY);
  let falseWorth = 0;
  let falsePositives = 0;
  for (const { score, worth, window } of rows) {
    if (!(score >= threshold)) continue;
    if (window < 0) {
      falseWorth += worth * profile.falsePositive;
      falsePositives += 1;
    } else {
      best[window] = Math.max(best[window]!, worth * profile.truePositive);
    }
  }
  let raw = falseWorth;
  let detected = 0;
  for (const worth of best) {
    if (worth !== Number.NEGATIVE_INFINITY) detected += 1;
  }
  // A window that lies in probation whole can be neither found nor missed.
  for (const window of windows.open) raw += Math.max(best[window]!, -profile.falseNegative);
  return { ...normalise(raw, windows, profile), detected, falsePositives };
}

/** The threshold that gives a corpus its best score, found exactly: every score that occurs is tried. */
export function findBestThreshold(
  corpus: readonly ScoredSeries[],
  profile: Profile,
): { threshold: number; outcome: Outcome } {
  const { rows, windows } = openRows(corpus);
  rows.sort((a, b) => b.score - a.score);
  const best = new Map<number, number>();
  let raw = -profile.falseNegative * windows.open.length;
  let bestRaw = raw;
  let threshold = Number.POSITIVE_INFINITY;
  for (const [index, { score, worth, window }] of rows.entries()) {
    if (window < 0) {
      raw += worth * profile.falsePositive;
    } else {
      const before = best.get(window) ?? -profile.falseNegative;
      const after = Math.max(before, worth * profile.truePositive);
      best.set(window, after);
      raw += after - before;
    }
    if (rows[index + 1]?.score !== score && raw > bestRaw) {
      bestRaw = raw;
      threshold = score;
    }
  }
  return { threshold, outcome: scoreAt(corpus, profile, threshold) };
}

interface Windows {
  total: number;
  /** Those with a row outside of probation. */
  open: number[];
}

function openRows(corpus: readonly ScoredSeries[]): { rows: Row[]; windows: Windows } {
  const rows: Row[] = [];
  const open: number[] = [];
  let total = 0;
  for (const { scores, windows } of corpus) {
    const worths = rowWorths(scores.length, windows);
    const windowOf = new Int32Array(scores.length).fill(-1);
    const probation = probationRows(scores.length);
    for (const { first, last } of windows) {
      windowOf.fill(total, first, last + 1);
      if (last >= probation) open.push(total);
      total += 1;
    }
    for (let row = probation; row < scores.length; row++) {
      rows.push({ score: scores[row]!, worth: worths[row]!, window: windowOf[row]! });
    }
  }
  return { rows, windows: { total, open } };
}

function normalise(raw: number, windows: Windows, profile: Profile): { score: number; raw: number } {
  const nothing = -profile.falseNegative * windows.open.length;
  const perfect = profile.truePositive * windows.total;
  return { raw, score: perfect === nothing ? Number.NaN : (100 * (raw - nothing)) / (perfect - nothing) };
}
