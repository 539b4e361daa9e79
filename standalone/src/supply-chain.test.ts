import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/check-licenses.mjs', import.meta.url));

describe('what is shipped', () => {
  it('is pinned by hashes and has licences that let anybody use it', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT]);
    const report = JSON.parse(stdout) as { shipped: number; faults: string[] };
    expect(report.faults).toEqual([]);
    expect(report.shipped).toBeGreaterThan(100);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-or-later)', true],
    ['MIT AND Zlib', true],
    ['Apache-2.0 AND LGPL-3.0-or-later', false],
    ['AGPL-3.0-only', false],
    ['BUSL-1.1', false],
    ['SEE LICENSE IN LICENSE.md', false],
  ])('may be under %s: %s', async (license, expected) => {
    const { isAllowed } = (await import(SCRIPT)) as { isAllowed: (expression: string) => boolean };
    expect(isAllowed(license)).toBe(expected);
  });
});
