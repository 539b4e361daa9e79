import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { findWindowsFile, readResults } from './corpus.js';
import { findBestThreshold, PROFILE_NAMES, PROFILES, scoreAt, type ProfileName } from './score.js';

/** What NAB calls the profiles. */
const NAB_PROFILES = {
  standard: 'standard',
  lowFp: 'reward_low_FP_rate',
  lowFn: 'reward_low_FN_rate',
} as const satisfies Record<ProfileName, string>;

export interface ResultsOptions {
  /** Results of one detector, or a folder with a folder for each. */
  resultsDir: string;
  /** Where the windows are; by default they are looked for above the results, as in a checkout of NAB. */
  dataDir?: string;
  /** A file of the form of NAB's `thresholds.json`. Default: the best threshold of each profile over the files, found exactly. */
  thresholdsFile?: string;
}

export interface ScoredResults {
  files: number;
  windows: number;
  /** Windows found with the threshold of the standard profile. */
  detected: number;
  falsePositives: number;
  standard: number;
  lowFp: number;
  lowFn: number;
  thresholds: Record<ProfileName, number>;
  /** Files without windows, which were left out. */
  skipped: number;
  /** Files with windows that have no results. */
  missing: number;
}

/**
 * Scores published results, which shows that the scorer is NAB's.
 *
 * @throws Error when results, windows or thresholds are missing or malformed
 */
export async function scoreResults(options: ResultsOptions): Promise<Record<string, ScoredResults>> {
  const windowsFile = await findWindows(options);
  const thresholds =
    options.thresholdsFile === undefined ? undefined : await readThresholds(options.thresholdsFile);
  const scored: Record<string, ScoredResults> = {};
  for (const { detector, dir } of await listDetectors(options.resultsDir)) {
    const { series, skipped, missing } = await readResults(dir, detector, windowsFile);
    const used = {} as Record<ProfileName, number>;
    const outcomes = PROFILE_NAMES.map((name) => {
      used[name] =
        thresholds === undefined
          ? findBestThreshold(series, PROFILES[name]).threshold
          : thresholds(detector, NAB_PROFILES[name]);
      return scoreAt(series, PROFILES[name], used[name]);
    });
    const [standard, lowFp, lowFn] = outcomes;
    scored[detector] = {
      files: series.length,
      windows: series.reduce((sum, { windows }) => sum + windows.length, 0),
      detected: standard!.detected,
      falsePositives: standard!.falsePositives,
      standard: standard!.score,
      lowFp: lowFp!.score,
      lowFn: lowFn!.score,
      thresholds: used,
      skipped: skipped.length,
      missing: missing.length,
    };
  }
  return scored;
}

async function findWindows({ resultsDir, dataDir }: ResultsOptions): Promise<string> {
  if (dataDir !== undefined) return findWindowsFile(dataDir);
  const dirs = [resultsDir, dirname(resolve(resultsDir)), dirname(dirname(resolve(resultsDir)))];
  for (const dir of dirs) {
    try {
      return await findWindowsFile(dir);
    } catch {
      // Looked for one folder further up.
    }
  }
  throw new Error(`There are no windows in or above ${resultsDir}: say with --data where they are.`);
}

async function listDetectors(dir: string): Promise<{ detector: string; dir: string }[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const name = basename(resolve(dir));
  for (const folder of folders) {
    const files = await readdir(join(dir, folder));
    // A detector's own folder has its categories in it, and these have its files.
    if (files.some((file) => file.startsWith(`${name}_`))) return [{ detector: name, dir }];
  }
  if (folders.length === 0) throw new Error(`There are no results below ${dir}.`);
  return folders.sort().map((detector) => ({ detector, dir: join(dir, detector) }));
}

async function readThresholds(file: string): Promise<(detector: string, profile: string) => number> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(
      `${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
  return (detector, profile) => {
    const found = (
      parsed as Record<string, Record<string, { threshold?: unknown } | undefined> | undefined> | null
    )?.[detector]?.[profile]?.threshold;
    if (typeof found !== 'number') throw new Error(`${file} has no threshold of ${detector} for ${profile}.`);
    return found;
  };
}
