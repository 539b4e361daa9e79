import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the threat model', () => {
  const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');

  it('names a test that exists for each thing that is done', () => {
    const named = [...text.matchAll(/`([\w/.-]+\.test\.tsx?)`/g)].map(([, path]) => path!);
    expect(new Set(named).size).toBeGreaterThan(15);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...text.matchAll(/`npm run ([\w:-]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('has a threat of each kind', () => {
    for (const kind of 'STRIDE') expect(text).toMatch(new RegExp(`^\\| *${kind} *\\|`, 'm'));
  });
});
