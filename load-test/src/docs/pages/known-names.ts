import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMAND_ENVIRONMENT } from '../reference/command-environment.js';
import { listSettings } from '../reference/list-settings.js';
import { routePattern, type Names } from './check-names.js';
import type { Page } from './read-page.js';

const SOURCES = /\.(ts|tsx|mjs|js|jsx|sql|json|ya?ml|html|css)$|Dockerfile|Makefile/;

/** Answered by every service, and so in no description. */
const EVERYWHERE = ['GET /health/live', 'GET /health/ready', 'GET /metrics', 'GET /openapi.json'];

/** What the checkout has that pages can name. Routes are those of the reference, which a test keeps true. */
export async function knownNames(
  root: string,
  files: readonly string[],
  pages: readonly Page[],
): Promise<Names> {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const reference = pages.find(({ path }) => path === 'docs/api.md');
  const routes = [...EVERYWHERE, ...(reference?.spans ?? []).map(({ text }) => text)]
    .filter((text) => /^[A-Z]+ \//.test(text))
    .map((text) => {
      const [method = '', path = ''] = text.split(' ');
      return `${method} ${routePattern(path)}`;
    });
  return {
    scripts: new Set(Object.keys(scripts)),
    files: new Set(files),
    words: await wordsOf(root, files),
    settings: new Set([
      ...listSettings().map(({ name }) => name),
      ...COMMAND_ENVIRONMENT.map(({ name }) => name),
    ]),
    routes: new Set(routes),
  };
}

async function wordsOf(root: string, files: readonly string[]): Promise<Set<string>> {
  const words = new Set<string>();
  for (const path of files) {
    if (!SOURCES.test(path) || path === 'package-lock.json') continue;
    for (const [word] of (await readFile(join(root, path), 'utf8')).matchAll(/[A-Za-z_]\w*/g))
      words.add(word);
  }
  return words;
}
