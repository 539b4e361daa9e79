import { readCorpus } from './nab/corpus.js';
import { checkContinuity, runDetector } from './nab/run-detector.js';
import { PROFILES, scoreAt, type ScoredSeries } from './nab/score.js';

export interface NabBenchOptions {
  /** Folder with `data/` and `windows.json`. */
  dataDir: string;
  onProgress: (text: string) => void;
  /** Called with a line for everything that is not as it should be. */
  onTell: (text: string) => void;
  signal: AbortSignal;
}

export interface NabScores {
  /** NAB's score with each profile, of 100; NaN where there is no window. */
  standard: number;
  lowFp: number;
  lowFn: number;
  detected: number;
  falsePositives: number;
}

export interface NabBenchResult extends NabScores {
  /** CPU time of the detector, microseconds a point. */
  microsPerPoint: number;
  /** What it says of any row is the same bit by bit when later rows do not exist. */
  causal: boolean;
  /** What it says is the same bit by bit when its state was saved and restored on the way. */
  restorable: boolean;
  files: number;
  windows: number;
  points: number;
  /** Files with windows that are not there. */
  missing: string[];
  perCategory: Record<string, NabScores & { files: number; windows: number }>;
  perFile: Record<string, { windows: number; detected: number; falsePositives: number }>;
  /** The same with other thresholds: a threshold that is right by luck alone has lower ones beside it. */
  byFalseAlertsPerMonth: Record<string, NabScores>;
  /** Standard scores of random halves of the files: the quantiles 0.05, 0.5 and 0.95 of 1,000. */
  halves: { p05: number; p50: number; p95: number };
}

const OTHER_FALSE_ALERTS_PER_MONTH = [1, 3, 6, 9, 12, 16, 20, 25];
const HALVES = 1_000;

/**
 * Runs the detector of levels, as it ships and with the threshold that is built in, over the Numenta Anomaly Benchmark.
 *
 * @throws Error when data or windows are missing or malformed
 */
export async function benchNab(options: NabBenchOptions): Promise<NabBenchResult> {
  const { onProgress, signal } = options;
  const { series: corpus, missing } = await readCorpus(options.dataDir);
  if (missing.length > 0)
    options.onTell(`${missing.length} files with windows are missing: ${missing.join(', ')}`);
  const runAll = (falseAlertsPerMonth?: number): { scored: ScoredSeries[]; cpuMicros: number } => {
    let cpuMicros = 0;
    const scored = corpus.map((series) => {
      signal.throwIfAborted();
      const run = runDetector(series, falseAlertsPerMonth);
      cpuMicros += run.cpuMicros;
      return { name: series.name, scores: run.alerts, windows: series.windows };
    });
    return { scored, cpuMicros };
  };

  onProgress(`running over ${corpus.length} files`);
  const { scored, cpuMicros } = runAll();
  const points = corpus.reduce((sum, { values }) => sum + values.length, 0);

  let causal = true;
  let restorable = true;
  for (const series of corpus) {
    signal.throwIfAborted();
    onProgress(`cutting ${series.name}`);
    const { isCausal, isRestorable } = checkContinuity(series);
    causal &&= isCausal;
    restorable &&= isRestorable;
  }

  const byFalseAlertsPerMonth: Record<string, NabScores> = {};
  for (const rate of OTHER_FALSE_ALERTS_PER_MONTH) {
    onProgress(`running with ${rate} false alerts a month`);
    byFalseAlertsPerMonth[rate] = scoresOf(runAll(rate).scored);
  }
  return {
    ...scoresOf(scored),
    microsPerPoint: cpuMicros / points,
    causal,
    restorable,
    files: corpus.length,
    windows: windowsOf(corpus),
    points,
    missing,
    perCategory: byCategory(scored),
    perFile: Object.fromEntries(
      scored.map((file) => {
        const { detected, falsePositives } = scoreAt([file], PROFILES.standard, 1);
        return [file.name, { windows: file.windows.length, detected, falsePositives }];
      }),
    ),
    byFalseAlertsPerMonth,
    halves: scoreHalves(scored),
  };
}

function scoresOf(scored: readonly ScoredSeries[]): NabScores {
  const { score, detected, falsePositives } = scoreAt(scored, PROFILES.standard, 1);
  return {
    standard: score,
    lowFp: scoreAt(scored, PROFILES.lowFp, 1).score,
    lowFn: scoreAt(scored, PROFILES.lowFn, 1).score,
    detected,
    falsePositives,
  };
}

function byCategory(scored: readonly ScoredSeries[]): NabBenchResult['perCategory'] {
  const categories = new Map<string, ScoredSeries[]>();
  for (const file of scored) {
    const category = file.name.includes('/') ? file.name.slice(0, file.name.lastIndexOf('/')) : '.';
    categories.set(category, [...(categories.get(category) ?? []), file]);
  }
  return Object.fromEntries(
    [...categories].map(([category, files]) => [
      category,
      { ...scoresOf(files), files: files.length, windows: windowsOf(files) },
    ]),
  );
}

function windowsOf(files: readonly { windows: readonly unknown[] }[]): number {
  return files.reduce((sum, { windows }) => sum + windows.length, 0);
}

/** Halves are drawn by a generator of a fixed seed: the same files give the same halves. */
function scoreHalves(scored: readonly ScoredSeries[]): NabBenchResult['halves'] {
  const outcomes = scored.map((file) => ({
    raw: scoreAt([file], PROFILES.standard, 1).raw,
    windows: file.windows.length,
  }));
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const scores: number[] = [];
  for (let draw = 0; draw < HALVES; draw++) {
    const shuffled = outcomes.map((outcome) => ({ ...outcome, key: random() })).sort((a, b) => a.key - b.key);
    const half = shuffled.slice(0, Math.ceil(shuffled.length / 2));
    const windows = half.reduce((sum, outcome) => sum + outcome.windows, 0);
    if (windows === 0) continue;
    // Null and perfect detectors have -windows and +windows in the standard profile.
    scores.push((100 * (half.reduce((sum, { raw }) => sum + raw, 0) + windows)) / (2 * windows));
  }
  scores.sort((a, b) => a - b);
  const quantile = (share: number): number => scores[Math.floor(share * (scores.length - 1))] ?? Number.NaN;
  return { p05: quantile(0.05), p50: quantile(0.5), p95: quantile(0.95) };
}
