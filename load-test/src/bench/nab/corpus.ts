import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { RowWindow } from './score.js';

/** One series of the benchmark. */
export interface NabSeries {
  /** Its path below the folder of data, with `/`: `realKnownCause/nyc_taxi.csv`. */
  name: string;
  timesMs: Float64Array;
  values: Float64Array;
  windows: RowWindow[];
}

/** What a detector of the benchmark said of one series, from a file of its results. */
export interface NabResult {
  name: string;
  scores: Float64Array;
  windows: RowWindow[];
}

/** Windows of each series, as NAB writes them: first and last time, both in the window. */
type LabelledWindows = ReadonlyMap<string, readonly (readonly [string, string])[]>;

export interface NabCorpus {
  series: NabSeries[];
  /** Files that have windows and are not there. */
  missing: string[];
}

/**
 * Reads a folder with `data/` and `windows.json`. A checkout of NAB, with `labels/combined_windows.json`, will do, and so
 * will a folder of data with `windows.json` in it.
 *
 * @throws Error when there is no data, or a file is missing its windows or malformed: with its name and what is wrong
 */
export async function readCorpus(dir: string): Promise<NabCorpus> {
  const labels = await readWindows(await findWindowsFile(dir));
  const dataDir = (await isFolder(join(dir, 'data'))) ? join(dir, 'data') : dir;
  const names = await listCsvFiles(dataDir);
  const series: NabSeries[] = [];
  for (const name of names) {
    const file = join(dataDir, name);
    const windows = labels.get(name);
    if (windows === undefined) throw new Error(`${file} has no entry among the windows.`);
    const { times, columns } = await readCsv(file, ['timestamp', 'value']);
    series.push({
      name,
      timesMs: Float64Array.from(times, (time) => timeMs(time, file)),
      values: columns.get('value')!,
      windows: rowWindows(times, windows, file),
    });
  }
  return { series, missing: [...labels.keys()].filter((name) => !names.includes(name)) };
}

export interface NabResults {
  series: NabResult[];
  /** Files that have windows and no results. */
  missing: string[];
  /** Files of results that have no windows. */
  skipped: string[];
}

/**
 * Reads the results of one detector as NAB keeps them: `CATEGORY/DETECTOR_FILE.csv` below a folder of the detector.
 *
 * @throws Error when there are no results or a file is malformed: with its name and what is wrong
 */
export async function readResults(dir: string, detector: string, windowsFile: string): Promise<NabResults> {
  const labels = await readWindows(windowsFile);
  const series: NabResult[] = [];
  const skipped: string[] = [];
  for (const path of await listCsvFiles(dir)) {
    const name = path.replace(`/${detector}_`, '/');
    const windows = labels.get(name);
    if (windows === undefined) {
      skipped.push(name);
      continue;
    }
    const file = join(dir, path);
    const { times, columns } = await readCsv(file, ['timestamp', 'anomaly_score']);
    series.push({ name, scores: columns.get('anomaly_score')!, windows: rowWindows(times, windows, file) });
  }
  if (series.length === 0) throw new Error(`None of the results below ${dir} is of a file with windows.`);
  const found = new Set(series.map(({ name }) => name));
  return { series, missing: [...labels.keys()].filter((name) => !found.has(name)), skipped };
}

/** `windows.json` in a folder, or in a checkout of NAB `labels/combined_windows.json`. */
export async function findWindowsFile(dir: string): Promise<string> {
  const candidates = ['windows.json', join('labels', 'combined_windows.json'), 'combined_windows.json'].map(
    (name) => join(dir, name),
  );
  for (const file of candidates) {
    if (await isFile(file)) return file;
  }
  throw new Error(`The windows are missing: there is none of ${candidates.join(', ')}.`);
}

async function readWindows(file: string): Promise<LabelledWindows> {
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
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error(`${file} must be an object of lists of windows by file.`);
  }
  for (const [name, windows] of Object.entries(parsed) as [string, unknown][]) {
    const isRight =
      Array.isArray(windows) &&
      windows.every(
        (window) =>
          Array.isArray(window) && window.length === 2 && window.every((time) => typeof time === 'string'),
      );
    if (!isRight) throw new Error(`${file}: the windows of ${name} must be a list of pairs of times.`);
  }
  return new Map(Object.entries(parsed as Record<string, [string, string][]>));
}

function rowWindows(
  times: readonly string[],
  labelled: readonly (readonly [string, string])[],
  file: string,
): RowWindow[] {
  const rowOf = new Map<number, number>();
  for (const [row, time] of times.entries()) {
    const ms = timeMs(time, file);
    if (!rowOf.has(ms)) rowOf.set(ms, row);
  }
  const rowAt = (time: string): number => {
    const row = rowOf.get(timeMs(time, file));
    if (row === undefined) throw new Error(`${file} has no row at ${time}, where a window begins or ends.`);
    return row;
  };
  return labelled
    .map(([first, last]) => ({ first: rowAt(first), last: rowAt(last) }))
    .sort((a, b) => a.first - b.first);
}

async function readCsv(
  file: string,
  wanted: readonly [time: string, ...numbers: string[]],
): Promise<{ times: string[]; columns: Map<string, Float64Array> }> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line !== '');
  const header = (lines.shift() ?? '').split(',');
  const places = wanted.map((name) => {
    const place = header.indexOf(name);
    if (place < 0) throw new Error(`${file} has no column ${name}.`);
    return place;
  });
  const times: string[] = [];
  const numbers = wanted.slice(1).map(() => new Float64Array(lines.length));
  for (const [row, line] of lines.entries()) {
    const cells = line.split(',');
    times.push(cells[places[0]!] ?? '');
    for (const [index, column] of numbers.entries()) {
      const cell = cells[places[index + 1]!];
      const value = cell === undefined || cell.trim() === '' ? Number.NaN : Number(cell);
      if (!Number.isFinite(value))
        throw new Error(`${file}, row ${row + 2}: ${wanted[index + 1]!} is no number.`);
      column[row] = value;
    }
  }
  return { times, columns: new Map(wanted.slice(1).map((name, index) => [name, numbers[index]!])) };
}

/** `2014-04-01 00:05:00`, with or without fractions of a second; times of the corpus are without a zone and read as UTC. */
function timeMs(time: string, file: string): number {
  const ms = Date.parse(`${time.replace(' ', 'T')}Z`);
  if (Number.isNaN(ms)) throw new Error(`${file}: ${time} is no time.`);
  return ms;
}

async function listCsvFiles(dir: string): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(dir, { recursive: true, withFileTypes: true });
  } catch (error) {
    throw new Error(`${dir} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const names = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.csv') && !entry.name.endsWith('_scores.csv'))
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  if (names.length === 0) throw new Error(`There is no CSV file below ${dir}.`);
  return names;
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
