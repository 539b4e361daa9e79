import { Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runErase } from '../erase/run-erase.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { positiveInteger, runCommand } from './run-command.js';

interface Flags {
  people: number;
  days: number;
  seed: number;
  keep?: boolean;
  json?: boolean;
}

const program = new Command('verify-erase')
  .description(
    'Starts a Sluice of its own, erases one of many people, and looks for them in every column of every store; compares every kind of answer with those of a project that never had them; and sends their messages again.',
  )
  .option('--people <count>', 'how many others there are; scores take 100', positiveInteger, 120)
  .option('--days <days>', 'days of history', positiveInteger, 90)
  .option('--seed <seed>', 'who they are', positiveInteger, 1)
  .option('--keep', 'keep the data directory');

await runCommand<Flags>(program, async (flags, context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-erase-'));
  try {
    const result = await runErase({
      ...flags,
      dataDir,
      signal: context.signal,
      onProgress: (text) => context.progress(text),
    });
    for (const question of result.differing) context.tell(`answered differently: ${question}`);
    for (const [store, { places }] of Object.entries(result.stores)) {
      for (const place of places) context.tell(`still in ${store}: ${place}`);
    }
    return {
      ok:
        result.erased > 0 &&
        result.remaining === 0 &&
        result.answersEqual &&
        result.auditBalanced &&
        result.cameBack === 0 &&
        result.cameAnew === 1,
      json: result,
      text: alignedLines([
        ['events erased', numberText(result.erased)],
        ['places left', numberText(result.remaining)],
        ['answers equal', String(result.answersEqual)],
        ['audit balanced', String(result.auditBalanced)],
        ['came back when sent again', numberText(result.cameBack)],
      ]),
    };
  } finally {
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
});
