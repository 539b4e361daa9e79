import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIdFile, readRun } from './id-file.js';
import { createRunIds } from './run-ids.js';

describe('id files', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-ids-'));
  });

  afterEach(() => rm(dir, { recursive: true }));

  it('hold every id of a run, also of one too large for the stream to take at once', async () => {
    const path = join(dir, 'ids');
    const ids = createRunIds();
    const file = createIdFile(path);
    for (let first = 0; first < 20_000; first += 1_000) {
      await file.add(Array.from({ length: 1_000 }, (_, i) => ids.idOf(first + i, 5_000 + first)));
    }
    await file.close();
    const run = await readRun(path);
    expect(run.ids.run.length).toBe(9);
    expect(run.accepted.distinct).toBe(20_000);
    expect(run.accepted.end).toBe(20_000);
    expect(run.fromMs).toBe(5_000);
  });

  it('are refused when they hold something else', async () => {
    const path = join(dir, 'ids');
    await writeFile(path, 'hello\n');
    await expect(readRun(path)).rejects.toThrow(/hello is not the id/);
    await writeFile(path, '');
    await expect(readRun(path)).rejects.toThrow(/no ids/);
  });

  it('report a disk that fails', async () => {
    const file = createIdFile(join(dir, 'no-such-folder', 'ids'));
    await expect(file.close()).rejects.toThrow(/ENOENT/);
  });
});
