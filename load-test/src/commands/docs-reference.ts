import { Command } from 'commander';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDescriptions } from '../docs/reference/read-descriptions.js';
import { referenceFiles, staleFiles } from '../docs/reference/reference-files.js';
import { repositoryRoot } from '../docs/repository-root.js';
import { startStandalone } from '../instance/standalone-instance.js';
import { runCommand } from './run-command.js';

interface Flags {
  check?: boolean;
  json?: boolean;
}

const program = new Command('docs-reference')
  .description(
    'Writes docs/configuration.md and .env.example from the schemas of the settings, and docs/api.md from the descriptions of a running gateway and analytics API.',
  )
  .option('--check', 'write nothing; fail when a file is not as it should be');

await runCommand<Flags>(program, async (flags, context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-reference-'));
  try {
    context.progress('starting a Sluice of our own');
    const instance = await startStandalone({ dataDir });
    try {
      const files = await referenceFiles(repositoryRoot, await readDescriptions(instance.target));
      const stale = await staleFiles(repositoryRoot, files);
      if (flags.check !== true) {
        for (const path of stale) await writeFile(join(repositoryRoot, path), files.get(path)!);
      }
      const done = flags.check === true ? 'stale' : 'written';
      return {
        ok: flags.check !== true || stale.length === 0,
        json: { files: [...files.keys()], [done]: stale },
        text:
          stale.length === 0 ? 'All as it should be.' : stale.map((path) => `${done}: ${path}`).join('\n'),
      };
    } finally {
      await instance.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
