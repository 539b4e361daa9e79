import { openPostgres } from '@sluice/warehouse';
import { Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStandalone } from '../instance/standalone-instance.js';
import { runIsolation } from '../isolation/run-isolation.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { runCommand } from './run-command.js';

interface Flags {
  keep?: boolean;
  json?: boolean;
}

const program = new Command('verify-isolation')
  .description(
    'Starts a Sluice of its own with two projects, and tries with the keys of one to reach what the other has, and the SQL behind the answers, through every field of every request.',
  )
  .option('--keep', 'keep the data directory');

await runCommand<Flags>(program, async (flags, context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-isolation-'));
  try {
    context.progress('starting a Sluice of our own');
    // What is tried is not how often one may ask.
    const instance = await startStandalone({
      dataDir,
      environment: { READ_REQUESTS_PER_MINUTE: '100000000' },
    });
    const postgres = await openPostgres(`embedded:${join(dataDir, 'postgres')}`, { max: 2 });
    try {
      const { attempts, refused, failures } = await runIsolation({
        target: instance.target,
        postgres,
        signal: context.signal,
        onProgress: (text) => context.progress(text),
      });
      for (const failure of failures) context.tell(JSON.stringify(failure));
      return {
        ok: refused === attempts,
        json: { attempts, refused },
        text: alignedLines([
          ['attempts', numberText(attempts)],
          ['refused', numberText(refused)],
        ]),
      };
    } finally {
      await postgres.close();
      await instance.stop();
    }
  } finally {
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
});
