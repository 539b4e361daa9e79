import { chmod, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPostgresBinaries, restoreLinks } from './postgres-binaries.js';

describe('restoreLinks', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-links-'));
    await mkdir(join(dir, 'native', 'lib'), { recursive: true });
    await writeFile(join(dir, 'native', 'lib', 'libpq.so.5.18'), 'library');
    await writeFile(
      join(dir, 'native', 'pg-symlinks.json'),
      JSON.stringify([
        { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' },
        { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' },
      ]),
    );
  });

  afterEach(async () => {
    await chmod(join(dir, 'native', 'lib'), 0o755);
    await rm(dir, { recursive: true });
  });

  it('makes the links that an install without scripts has left out, as relative ones', async () => {
    restoreLinks(dir);
    restoreLinks(dir);
    expect(await readFile(join(dir, 'native', 'lib', 'libpq.so.5'), 'utf8')).toBe('library');
    expect(await readlink(join(dir, 'native', 'lib', 'libpq.so'))).toBe('libpq.so.5.18');
  });

  it('says what to do where the links cannot be made', async () => {
    await rm(join(dir, 'native', 'lib'), { recursive: true });
    await writeFile(join(dir, 'native', 'lib'), 'not a folder');
    expect(() => restoreLinks(dir)).toThrow(/install scripts on/);
    await rm(join(dir, 'native', 'lib'));
    await mkdir(join(dir, 'native', 'lib'));
  });
});

describe('findPostgresBinaries', () => {
  it('finds programs whose libraries are all there', () => {
    expect(findPostgresBinaries().postgres).toMatch(/postgres$/);
  });
});
