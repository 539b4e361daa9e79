import type { Finding } from './finding.js';
import type { Block, Found, Page } from './read-page.js';

/** What there is to be named. */
export interface Names {
  /** Scripts of the root's package.json. */
  scripts: ReadonlySet<string>;
  /** Files of the checkout. */
  files: ReadonlySet<string>;
  /** Every identifier in the sources. */
  words: ReadonlySet<string>;
  /** Settings of all services. */
  settings: ReadonlySet<string>;
  /** `METHOD /path`, parameters as `:name`. */
  routes: ReadonlySet<string>;
}

const SHELLS = new Set(['sh', 'bash', 'shell']);

/**
 * Names in inline code and in commands of which nothing is known: scripts, files, settings, metrics, error codes, fields,
 * columns, routes. A name of which it cannot be told what it is, is left alone.
 */
export function checkNames(pages: readonly Page[], names: Names): { checked: number; findings: Finding[] } {
  const findings: Finding[] = [];
  let checked = 0;
  const folders = foldersOf(names.files);
  const tails = tailsOf(names.files, folders);
  for (const page of pages) {
    const note = (line: number, fault: string | undefined | null): void => {
      if (fault === null) return;
      checked++;
      if (fault !== undefined) findings.push({ page: page.path, line, what: fault });
    };
    for (const { line, text } of page.spans) note(line, faultOfSpan(text));
    for (const found of [...page.spans, ...commandLines(page.blocks)]) {
      for (const script of scriptsIn(found.text)) {
        note(found.line, names.scripts.has(script) ? undefined : `there is no script ${script}`);
      }
    }
  }
  return { checked, findings };

  /** Null: nothing that could be checked. */
  function faultOfSpan(text: string): string | undefined | null {
    const route = /^(GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) (\/\S*)$/.exec(text);
    if (route !== null) {
      const [, method, path] = route;
      return hasRoute(method!, path!.split('?')[0]!) ? undefined : `there is no route ${text}`;
    }
    if (/^\/v1\/[\w/:.{}-]+$/.test(text)) {
      const known = ['GET', 'POST', 'PUT', 'DELETE'].some((method) => hasRoute(method, text));
      return known ? undefined : `there is no route ${text}`;
    }
    const setting = /^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?$/.exec(text)?.[1];
    if (setting !== undefined) {
      const name = setting.replace(/_FILE$/, '');
      return names.settings.has(name) || names.words.has(setting) || /^(YOUR|NAME|O)_/.test(setting)
        ? undefined
        : `there is no setting or constant ${setting}`;
    }
    const metric = /^(sluice_[a-z0-9_]+)(?:\{.*\})?$/.exec(text)?.[1];
    if (metric !== undefined) return hasMetric(metric) ? undefined : `there is no metric ${metric}`;
    if (/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(text)) {
      return names.words.has(text) ? undefined : `nothing in the sources is called ${text}`;
    }
    if (/^[\w.][\w.-]*(\/[\w.*-]+)*\/?$/.test(text) && text.includes('/')) return faultOfPath(text);
    return null;
  }

  function faultOfPath(text: string): string | undefined | null {
    const path = text.replace(/\/$/, '').replace(/\/?\*.*$/, '');
    if (path === '' || path.startsWith('data') || path.startsWith('./')) return null;
    const known = names.files.has(path) || folders.has(path) || tails.has(path);
    if (known) return undefined;
    // Only what begins like a folder of ours, or ends like a source, was meant as a path.
    const [first = ''] = path.split('/');
    return folders.has(first) || /\.(ts|tsx|mjs|sql|md|yml|json)$/.test(path)
      ? `there is no file or folder ${text}`
      : null;
  }

  /** Names may be put together from a prefix, what is counted and its unit. */
  function hasMetric(name: string): boolean {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    const own = base.replace(/^sluice_[a-z]+_/, '');
    return [name, base, own, own.replace(/_total$/, '')].some((part) => names.words.has(part));
  }

  function hasRoute(method: string, path: string): boolean {
    return names.routes.has(`${method} ${routePattern(path)}`);
  }
}

/** `/v1/users/:id`, `/v1/users/{user_id}` and `/v1/users/ID` are the same route. */
export function routePattern(path: string): string {
  return path.replaceAll(/:\w+|\{[^}]+\}|(?<=\/)[A-Z][A-Z_]*(?=\/|$)/g, ':').replace(/\/$/, '');
}

/** Names of scripts that a text runs. */
export function scriptsIn(text: string): string[] {
  return [...text.matchAll(/\bnpm run (?:--?[\w-]+ )*([\w:-]+)/g)].map(([, script]) => script!);
}

export function isShell(block: Block): boolean {
  return SHELLS.has(block.language);
}

function commandLines(blocks: readonly Block[]): Found[] {
  return blocks
    .filter(isShell)
    .flatMap(({ line, code }) => code.split('\n').map((text, n) => ({ line: line + 1 + n, text })));
}

function foldersOf(files: ReadonlySet<string>): Set<string> {
  const folders = new Set<string>();
  for (const file of files) {
    const parts = file.split('/');
    for (let n = 1; n < parts.length; n++) folders.add(parts.slice(0, n).join('/'));
  }
  return folders;
}

/** Paths without their first folders: a page about a folder names what is in it. */
function tailsOf(files: ReadonlySet<string>, folders: ReadonlySet<string>): Set<string> {
  const tails = new Set<string>();
  for (const path of [...files, ...folders]) {
    const parts = path.split('/');
    for (let n = 1; n < parts.length; n++) tails.add(parts.slice(n).join('/'));
  }
  return tails;
}
