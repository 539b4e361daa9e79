import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiPage } from './api-page.js';
import { envExample } from './env-example.js';
import type { OpenApi } from './open-api.js';
import { settingsPage } from './settings-page.js';

/** Files that follow from the sources, as they should be; path from the root of the checkout → content. */
export function referenceFiles(descriptions: {
  gateway: OpenApi;
  analyticsApi: OpenApi;
}): Map<string, string> {
  return new Map([
    ...settingFiles(),
    ['docs/api.md', apiPage(descriptions.gateway, descriptions.analyticsApi)],
  ]);
}

/** Those that follow from the schemas of the settings alone. */
export function settingFiles(): Map<string, string> {
  return new Map([
    ['docs/configuration.md', settingsPage()],
    ['.env.example', envExample()],
  ]);
}

/** Paths of the files that are not as they should be. */
export async function staleFiles(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, content] of files) {
    const found = await readFile(join(root, path), 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (found !== content) stale.push(path);
  }
  return stale;
}
