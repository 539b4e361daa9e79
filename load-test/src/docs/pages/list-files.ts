import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPage, type Page } from './read-page.js';

/** What is made, installed or kept by running things, and so is no part of the sources. */
const NOT_OURS = new Set([
  'node_modules',
  'dist',
  '.git',
  '.cache',
  '.turbo',
  '.claude',
  'coverage',
  'data',
  'test-results',
]);

/** Every file of the checkout, relative to its root, with forward slashes. */
export async function listFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  async function walk(folder: string): Promise<void> {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      // A worktree's `.git` is a file.
      if (NOT_OURS.has(entry.name)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  await walk('');
  return files.sort();
}

/** The pages in the order in which a reader meets them: the README, then where to begin, then everything else. */
export async function readPages(root: string, files: readonly string[]): Promise<Page[]> {
  const first = ['README.md', 'docs/getting-started.md'];
  const paths = files.filter((path) => path.endsWith('.md'));
  const rank = (path: string): number => (first.includes(path) ? first.indexOf(path) : first.length);
  paths.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return Promise.all(paths.map(async (path) => readPage(path, await readFile(join(root, path), 'utf8'))));
}
