import type { Finding } from './finding.js';
import type { Page } from './read-page.js';

/** Blocks of JSON that cannot be read. */
export function checkJson(pages: readonly Page[]): { checked: number; findings: Finding[] } {
  const findings: Finding[] = [];
  let checked = 0;
  for (const { path, blocks } of pages) {
    for (const { language, code, line, annotation } of blocks) {
      if (language !== 'json' || annotation?.kind === 'skip') continue;
      checked++;
      try {
        JSON.parse(code);
      } catch (error) {
        findings.push({ page: path, line, what: `is no JSON: ${(error as Error).message}` });
      }
    }
  }
  return { checked, findings };
}
