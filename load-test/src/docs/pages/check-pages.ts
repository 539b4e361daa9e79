import { checkJson } from './check-json.js';
import { checkLinks } from './check-links.js';
import { checkNames } from './check-names.js';
import type { Finding } from './finding.js';
import { knownNames } from './known-names.js';
import { listFiles, readPages } from './list-files.js';
import type { Page } from './read-page.js';

export interface PagesReport {
  pages: Page[];
  /** By what was checked. */
  checked: { links: number; json: number; names: number };
  findings: Finding[];
}

/** What can be said of the pages without running anything: links, JSON, and names of what there is. */
export async function checkPages(root: string): Promise<PagesReport> {
  const files = await listFiles(root);
  const pages = await readPages(root, files);
  const links = checkLinks(pages, new Set(files));
  const json = checkJson(pages);
  const names = checkNames(pages, await knownNames(root, files, pages));
  return {
    pages,
    checked: { links: links.checked, json: json.checked, names: names.checked },
    findings: [...links.findings, ...json.findings, ...names.findings],
  };
}
