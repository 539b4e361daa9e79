import { Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findingText } from '../docs/pages/finding.js';
import { repositoryRoot } from '../docs/repository-root.js';
import { verifyDocs } from '../docs/verify-docs.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { runCommand } from './run-command.js';

interface Flags {
  page?: string;
  json?: boolean;
}

const program = new Command('verify-docs')
  .description(
    'Checks every page of the documentation: links and headings, JSON, names of settings, routes, metrics, files and commands, types of scripts, and that the references are current. Then starts a Sluice with "npm start" and does what the pages tell a reader to do, and compares what they show.',
  )
  .option('--page <path>', 'run only what this page shows, such as docs/getting-started.md');

await runCommand<Flags>(program, async (flags, context) => {
  const workDir = await mkdtemp(join(tmpdir(), 'sluice-docs-'));
  try {
    const report = await verifyDocs({
      root: repositoryRoot,
      workDir,
      page: flags.page,
      onProgress: (text) => context.progress(text),
    });
    for (const finding of report.findings) context.tell(findingText(finding));
    for (const { page, line, reason } of report.skips) context.tell(`${page}:${line}: not run: ${reason}`);
    return {
      ok: report.findings.length === 0,
      json: {
        passed: report.passed,
        failed: report.findings.length,
        skipped: report.skips.length,
        checked: report.checked,
        failures: report.findings.map(findingText),
      },
      text: alignedLines([
        ['passed', numberText(report.passed)],
        ['failed', numberText(report.findings.length)],
        ['not run', `${report.skips.length}, each for the reason its page gives`],
        ...Object.entries(report.checked).map(([what, count]): [string, string] => [what, numberText(count)]),
      ]),
    };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
});
