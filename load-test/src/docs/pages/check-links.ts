import { posix } from 'node:path';
import type { Finding } from './finding.js';
import type { Page } from './read-page.js';

/** Links that lead to no file, or to no heading of it. Addresses of other sites are not asked for; they have to be https. */
export function checkLinks(
  pages: readonly Page[],
  files: ReadonlySet<string>,
): { checked: number; findings: Finding[] } {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  const folders = foldersOf(files);
  const findings: Finding[] = [];
  let checked = 0;
  for (const page of pages) {
    for (const { line, text } of page.links) {
      checked++;
      const what = faultOf(page, text);
      if (what !== undefined) findings.push({ page: page.path, line, what });
    }
  }
  return { checked, findings };

  function faultOf(page: Page, target: string): string | undefined {
    if (/^[a-z]+:/.test(target)) {
      if (target.startsWith('mailto:') || target.startsWith('http://127.0.0.1:')) return undefined;
      return target.startsWith('https://') && URL.canParse(target)
        ? undefined
        : `the link ${target} is not https`;
    }
    const [file = '', anchor] = target.split('#');
    const path =
      file === '' ? page.path : posix.normalize(posix.join(posix.dirname(page.path), decodeURI(file)));
    const clean = path.replace(/\/$/, '');
    if (!files.has(clean) && !folders.has(clean)) return `the link ${target} leads to no file`;
    if (anchor === undefined) return undefined;
    const linked = byPath.get(clean);
    if (linked === undefined) return undefined;
    return linked.anchors.has(anchor) ? undefined : `the link ${target} leads to no heading`;
  }
}

function foldersOf(files: ReadonlySet<string>): Set<string> {
  const folders = new Set(['.']);
  for (const file of files) {
    for (let folder = posix.dirname(file); folder !== '.'; folder = posix.dirname(folder))
      folders.add(folder);
  }
  return folders;
}
