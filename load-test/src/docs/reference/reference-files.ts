import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { capacityTable } from '../../capacity/capacity-table.js';
import { apiPage } from './api-page.js';
import { envExample } from './env-example.js';
import type { OpenApi } from './open-api.js';
import { settingsPage } from './settings-page.js';

/** Files that follow from the sources, as they should be; path from the root of the checkout → content. */
export async function referenceFiles(
  root: string,
  descriptions: { gateway: OpenApi; analyticsApi: OpenApi },
): Promise<Map<string, string>> {
  return new Map([
    ...(await sourceFiles(root)),
    ['docs/api.md', apiPage(descriptions.gateway, descriptions.analyticsApi)],
  ]);
}

/** Those for which no service has to run: from the schemas of the settings, and from what an event costs. */
export async function sourceFiles(root: string): Promise<Map<string, string>> {
  const scaling = 'docs/SCALING.md';
  return new Map([
    ['docs/configuration.md', settingsPage()],
    ['.env.example', envExample()],
    [scaling, withCapacity(await readFile(join(root, scaling), 'utf8'))],
  ]);
}

/** The page with the table between its two comments made anew. */
function withCapacity(page: string): string {
  return page.replace(
    /(<!-- capacity -->\n)[\s\S]*?(\n<!-- \/capacity -->)/,
    (_all, before: string, after: string) => `${before}\n${capacityTable()}\n${after}`,
  );
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
