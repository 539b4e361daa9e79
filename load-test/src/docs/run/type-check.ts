import { join } from 'node:path';
import ts from 'typescript';
import type { Finding } from '../pages/finding.js';
import type { Block, Page } from '../pages/read-page.js';
import { FOREIGN_MODULES, GIVEN } from './given-names.js';

const SCRIPTS = new Set(['js', 'jsx', 'ts', 'tsx', 'javascript', 'typescript']);

export function isScript(block: Block): boolean {
  return SCRIPTS.has(block.language);
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  customConditions: ['sluice-source'],
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  types: ['node', 'react'],
  jsx: ts.JsxEmit.ReactJSX,
  strict: true,
  // Scripts in JavaScript say no types.
  noImplicitAny: false,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
};

/**
 * Compiles every script of every page, each as a module of its own. A line that says `// does not compile` must not. A block
 * that begins with `// NAME.ts` is that file for the other blocks of its page.
 */
export function typeCheck(root: string, pages: readonly Page[]): { checked: number; findings: Finding[] } {
  const findings: Finding[] = [];
  let checked = 0;
  const sources = new Map<string, ts.SourceFile | undefined>();
  for (const [given, group] of groupBy(pages, ({ path }) => GIVEN[path] ?? '')) {
    const scripts = group.flatMap((page) => scriptsOf(page));
    if (scripts.length === 0) continue;
    checked += scripts.length;
    findings.push(...checkScripts(root, given, scripts, sources));
  }
  return { checked, findings };
}

interface Script {
  page: string;
  block: Block;
}

function scriptsOf({ path, blocks }: Page): Script[] {
  return blocks
    .filter((block) => isScript(block) && block.annotation?.kind !== 'skip')
    .map((block) => ({ page: path, block }));
}

/** Scripts for which the same is given are one program: most of the time goes into reading what they import. */
function checkScripts(
  root: string,
  given: string,
  scripts: readonly Script[],
  sources: Map<string, ts.SourceFile | undefined>,
): Finding[] {
  const folder = join(root, '.docs-blocks');
  const files = new Map<string, string>([
    [join(folder, 'given.d.ts'), `export {};${given}`],
    [join(folder, 'foreign.d.ts'), FOREIGN_MODULES],
  ]);
  const byFile = new Map<string, Script>();
  for (const script of scripts) {
    const { block, page } = script;
    const name = /^\/\/ ([\w-]+\.tsx?)\n/.exec(block.code)?.[1] ?? `line-${block.line}.tsx`;
    const file = join(folder, page.replaceAll('/', '-'), name);
    files.set(file, `${block.code}\nexport {};\n`);
    byFile.set(file, script);
  }
  const program = ts.createProgram({
    rootNames: [...files.keys()],
    options: OPTIONS,
    host: hostOf(files, sources),
  });
  const findings: Finding[] = [];
  for (const [file, { page, block }] of byFile) {
    const source = program.getSourceFile(file)!;
    const wanted = linesThatMustNotCompile(block.code);
    for (const found of [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]) {
      const line = source.getLineAndCharacterOfPosition(found.start ?? 0).line;
      if (wanted.delete(line) || isRefused(block.code, line)) continue;
      findings.push({
        page,
        line: block.line + 1 + line,
        what: `does not compile: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`,
      });
    }
    for (const line of wanted) {
      findings.push({ page, line: block.line + 1 + line, what: 'compiles, and says that it does not' });
    }
  }
  return findings;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

const MUST_NOT = /\/\/ does not compile\b/;

function linesThatMustNotCompile(code: string): Set<number> {
  return new Set(code.split('\n').flatMap((text, line) => (MUST_NOT.test(text) ? [line] : [])));
}

function isRefused(code: string, line: number): boolean {
  return MUST_NOT.test(code.split('\n')[line] ?? '');
}

/** Files of the blocks from memory, all others from the disk; what was read once is read for no other page. */
function hostOf(
  files: ReadonlyMap<string, string>,
  sources: Map<string, ts.SourceFile | undefined>,
): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  const fileExists = host.fileExists.bind(host);
  const readFile = host.readFile.bind(host);
  const getSourceFile = host.getSourceFile.bind(host);
  // The folder of the blocks is in memory, too.
  delete host.directoryExists;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, version) => {
    const text = files.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, version, true);
    if (!sources.has(path)) sources.set(path, getSourceFile(path, version));
    return sources.get(path);
  };
  return host;
}
