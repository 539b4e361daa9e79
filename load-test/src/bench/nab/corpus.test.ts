import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readCorpus } from './corpus.js';
import { scoreResults } from './score-results.js';

const dirs: string[] = [];

async function folderOf(files: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-nab-'));
  dirs.push(dir);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return dir;
}

afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true });
});

/** 40 minutes, a row each. */
const minutes = Array.from({ length: 40 }, (_, row) => `2026-01-01 00:${String(row).padStart(2, '0')}:00`);
const DATA = ['timestamp,value', ...minutes.map((time, row) => `${time},${row}`)].join('\n');
const WINDOWS = JSON.stringify({
  'real/a.csv': [['2026-01-01 00:20:00.000000', '2026-01-01 00:29:00.000000']],
});

describe('NAB corpus', () => {
  it('is read from a folder with data and windows, wherever these two are', async () => {
    const folders: Record<string, string>[] = [
      { 'data/real/a.csv': DATA, 'windows.json': WINDOWS },
      { 'real/a.csv': DATA, 'windows.json': WINDOWS },
      { 'data/real/a.csv': DATA, 'labels/combined_windows.json': WINDOWS },
    ];
    for (const files of folders) {
      const { series, missing } = await readCorpus(await folderOf(files));
      expect(missing).toEqual([]);
      expect(series.map(({ name, windows }) => ({ name, windows }))).toEqual([
        { name: 'real/a.csv', windows: [{ first: 20, last: 29 }] },
      ]);
      expect(series[0]!.values[7]).toBe(7);
      expect(series[0]!.timesMs[7]).toBe(Date.parse('2026-01-01T00:07:00Z'));
    }
  });

  it('names files with windows that are not there', async () => {
    const windows = JSON.stringify({ ...(JSON.parse(WINDOWS) as object), 'real/b.csv': [] });
    const dir = await folderOf({ 'data/real/a.csv': DATA, 'windows.json': windows });
    expect((await readCorpus(dir)).missing).toEqual(['real/b.csv']);
  });

  it.each([
    ['no folder', undefined, /windows are missing/],
    ['no windows', { 'data/real/a.csv': DATA }, /windows are missing/],
    ['no data', { 'windows.json': WINDOWS, 'data/notes.txt': '' }, /no CSV file/],
    ['a file without windows', { 'data/real/b.csv': DATA, 'windows.json': WINDOWS }, /b\.csv has no entry/],
    ['windows that are no JSON', { 'data/real/a.csv': DATA, 'windows.json': '{' }, /read as JSON/],
    [
      'windows of another form',
      { 'data/real/a.csv': DATA, 'windows.json': '{"real/a.csv":[1]}' },
      /pairs of times/,
    ],
    [
      'a window between rows',
      { 'data/real/a.csv': DATA.replace('00:20:00', '00:20:30'), 'windows.json': WINDOWS },
      /no row at/,
    ],
    [
      'no column of values',
      { 'data/real/a.csv': DATA.replace('value', 'v'), 'windows.json': WINDOWS },
      /no column value/,
    ],
    [
      'a value that is none',
      { 'data/real/a.csv': `${DATA}\n2026-01-01 00:40:00,`, 'windows.json': WINDOWS },
      /row 42/,
    ],
  ])('is refused with a reason: %s', async (_, files, reason) => {
    const dir = files === undefined ? join(tmpdir(), 'sluice-nab-nowhere') : await folderOf(files);
    await expect(readCorpus(dir)).rejects.toThrow(reason);
  });
});

describe('published results', () => {
  const results = (at: number): string =>
    [
      'timestamp,value,anomaly_score,label',
      ...minutes.map((time, row) => `${time},0,${row === at ? 0.9 : 0.1},0`),
    ].join('\n');

  it('are scored with the best threshold, or with those of a file', async () => {
    const dir = await folderOf({
      'labels/combined_windows.json': WINDOWS,
      'results/early/real/early_a.csv': results(20),
      'results/wrong/real/wrong_a.csv': results(10),
      'thresholds.json': JSON.stringify(
        Object.fromEntries(
          ['early', 'wrong'].map((name) => [
            name,
            Object.fromEntries(
              ['standard', 'reward_low_FP_rate', 'reward_low_FN_rate'].map((profile) => [
                profile,
                { threshold: 0.5 },
              ]),
            ),
          ]),
        ),
      ),
    });
    const scored = await scoreResults({ resultsDir: join(dir, 'results') });
    expect(scored.early).toMatchObject({
      standard: 100,
      lowFp: 100,
      lowFn: 100,
      detected: 1,
      falsePositives: 0,
      files: 1,
    });
    const fixed = await scoreResults({
      resultsDir: join(dir, 'results', 'wrong'),
      thresholdsFile: join(dir, 'thresholds.json'),
    });
    expect(fixed.wrong!.standard).toBeCloseTo((-100 * 0.11) / 2, 10);
    await expect(
      scoreResults({ resultsDir: join(dir, 'results', 'wrong'), thresholdsFile: join(dir, 'results') }),
    ).rejects.toThrow(/read as JSON/);
  });
});
