import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkPages } from './pages/check-pages.js';
import { isShell } from './pages/check-names.js';
import type { Finding } from './pages/finding.js';
import type { Block, Page } from './pages/read-page.js';
import { readDescriptions } from './reference/read-descriptions.js';
import { referenceFiles, staleFiles } from './reference/reference-files.js';
import { startAsDocumented, type DocumentedInstance } from './run-instance.js';
import { createFlagChecker, namedCommands, type CommandFiles } from './run/check-flags.js';
import { createScriptRunner } from './run/run-scripts.js';
import { faultOfOutcome, faultsOfOutput, openPageShell, type ShellOutcome } from './run/run-shell.js';
import { openSqlRunner } from './run/run-sql.js';
import { createStandIns, type StandIns } from './run/stand-ins.js';
import { typeCheck } from './run/type-check.js';

export interface Skip {
  page: string;
  line: number;
  reason: string;
}

export interface DocsReport {
  passed: number;
  findings: Finding[];
  skips: Skip[];
  /** How many of each were looked at. */
  checked: Record<string, number>;
}

export interface VerifyDocsOptions {
  root: string;
  /** Empty; the instance and everything that runs works in it. */
  workDir: string;
  /** Only this page is run; all are checked. */
  page?: string | undefined;
  onProgress: (text: string) => void;
}

/**
 * Checks every page, then does what the pages tell a reader to do, on a Sluice that `npm start` has started: commands with the
 * output they show, scripts in Node and in a browser, SQL.
 */
export async function verifyDocs(options: VerifyDocsOptions): Promise<DocsReport> {
  const { root, onProgress } = options;
  onProgress('links and names');
  const { pages, checked, findings } = await checkPages(root);
  const report: DocsReport = { passed: 0, findings: [...findings], skips: [], checked: { ...checked } };

  onProgress('types of scripts');
  const types = typeCheck(root, pages);
  report.checked['scripts'] = types.checked;
  report.findings.push(...types.findings);

  onProgress('options of commands');
  const commands = await checkOptions(root, pages);
  report.checked['options'] = commands.checked;
  report.findings.push(...commands.findings);

  onProgress('npm start');
  const dataDir = join(options.workDir, 'data');
  await mkdir(dataDir, { recursive: true });
  const instance = await startAsDocumented(root, dataDir);
  try {
    await checkReference(root, instance, report);
    await runPages({ ...options, pages, instance }, report);
  } finally {
    await instance.stop();
  }
  const looked = Object.values(report.checked).reduce((sum, count) => sum + count, 0);
  report.passed = looked - report.findings.length;
  return report;
}

async function checkReference(root: string, instance: DocumentedInstance, report: DocsReport): Promise<void> {
  const files = await referenceFiles(root, await readDescriptions(instance.state));
  report.checked['references'] = files.size;
  for (const page of await staleFiles(root, files)) {
    report.findings.push({ page, line: 1, what: 'is not what `npm run docs:reference` makes' });
  }
}

/** Commands of ours wherever a page names one: each has the options that the page gives it. */
async function checkOptions(
  root: string,
  pages: readonly Page[],
): Promise<{ checked: number; findings: Finding[] }> {
  const files = await commandFiles(root);
  const faultOf = createFlagChecker(root);
  const named = pages.flatMap((page) =>
    [
      ...page.spans,
      ...page.blocks
        .filter(isShell)
        .flatMap(({ code, line }) => code.split('\n').map((text, n) => ({ text, line: line + 1 + n }))),
    ].flatMap(({ text, line }) =>
      namedCommands(text, files).map((command) => ({ page: page.path, line, text, command })),
    ),
  );
  const findings: Finding[] = [];
  const checked = named.length;
  const next = named.values();
  const work = async (): Promise<void> => {
    for (const { page, line, text, command } of next) {
      const fault = await faultOf(command);
      if (fault !== undefined) findings.push({ page, line, what: `\`${text.trim()}\` ${fault}` });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return { checked, findings };
}

/** Script of the root → the file that `scripts/run.mjs` starts for it. */
async function commandFiles(root: string): Promise<CommandFiles> {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const runner = await readFile(join(root, 'scripts', 'run.mjs'), 'utf8');
  const files = new Map([['start', 'standalone/dist/sluice.js']]);
  for (const [script, command] of Object.entries(scripts)) {
    const name = /^node scripts\/run\.mjs ([\w-]+)$/.exec(command)?.[1];
    if (name === undefined) continue;
    const file = new RegExp(`^\\s*'?${name}'?: '([^']+)'`, 'm').exec(runner)?.[1];
    if (file !== undefined) files.set(script, file);
  }
  return files;
}

type Run = VerifyDocsOptions & { pages: readonly Page[]; instance: DocumentedInstance };

async function runPages(run: Run, report: DocsReport): Promise<void> {
  const { root, workDir, instance, pages } = run;
  const scripts = createScriptRunner(root, instance.state);
  const sql = await openSqlRunner(instance.dataDir, workDir);
  const count = (what: string): void => {
    report.checked[what] = (report.checked[what] ?? 0) + 1;
  };
  try {
    for (const page of pages) {
      if (run.page !== undefined && run.page !== page.path) continue;
      const standIns = createStandIns(instance.state, instance.dataDir);
      const shell = await openPageShell({
        root,
        workDir,
        environment: { ...process.env, SLUICE_DATA_DIR: instance.dataDir },
      });
      const outcomes = new Map<Block, ShellOutcome>();
      for (const block of page.blocks) {
        const note = (what: string): void => {
          report.findings.push({ page: page.path, line: block.line, what });
        };
        const reason = skipReason(block);
        if (reason !== undefined) {
          report.skips.push({ page: page.path, line: block.line, reason });
          continue;
        }
        if (isShell(block)) {
          run.onProgress(`${page.path}:${block.line}`);
          count('commands');
          const outcome = await runCommands(block, shell, standIns, instance);
          outcomes.set(block, outcome);
          const fault = faultOfOutcome(outcome);
          if (fault !== undefined) note(fault);
        } else if (isShown(block)) {
          const outcome = outcomes.get(block.follows!);
          if (outcome === undefined || faultOfOutcome(outcome) !== undefined) continue;
          count('outputs');
          faultsOfOutput(block, outcome, standIns).forEach(note);
        } else if (block.annotation?.kind === 'run') {
          run.onProgress(`${page.path}:${block.line}`);
          count('runs');
          const fault = await scripts.run(block, standIns.fill(block.code));
          if (fault !== undefined) note(fault);
        } else if (block.language === 'sql') {
          count('statements');
          const store = block.annotation?.kind === 'sql' ? block.annotation.store : 'postgres';
          const fault = await sql.run(store, block.code);
          if (fault !== undefined) note(fault);
        }
      }
    }
  } finally {
    await sql.close();
    await scripts.close();
  }
}

/** An output directly below the commands it belongs to. */
function isShown(block: Block): boolean {
  return (
    block.follows !== undefined &&
    isShell(block.follows) &&
    ['json', 'text', 'console'].includes(block.language)
  );
}

function skipReason(block: Block): string | undefined {
  if (block.annotation?.kind === 'skip') return block.annotation.reason;
  if (!isShell(block)) return undefined;
  const commands = block.code.split('\n').filter((line) => /^[a-z]/.test(line));
  return commands.length > 0 && commands.every((line) => /^(docker|helm|kubectl|make) /.test(line))
    ? 'needs Docker'
    : undefined;
}

/** `npm start` is what has started the instance; everything else runs in the page's shell. */
async function runCommands(
  block: Block,
  shell: { run(code: string): Promise<ShellOutcome> },
  standIns: StandIns,
  instance: DocumentedInstance,
): Promise<ShellOutcome> {
  if (block.code.trim() === 'npm start') return { exitCode: 0, stdout: '', stderr: await instance.told() };
  return shell.run(standIns.fill(block.code));
}
