import type { Command } from 'commander';
import { readInstance } from '../instance-file.js';
import { dataDirOf, printJson } from './stores.js';

interface AuditAnswer {
  balanced: boolean;
}

/** `sluice audit`: asks the running analytics API whether every accepted event is where it belongs. */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description(
      'check that every accepted event is stored and counted exactly once; exits with 1 when it is not',
    )
    .option('--api-url <url>', 'address of the analytics API (default: that of the running instance)')
    .option('--key <key>', 'read key (default: that of the running instance)')
    .option('--from <instant>', 'first minute of receipt, ISO 8601')
    .option('--to <instant>', 'end of the range, ISO 8601')
    .action(
      async (flags: { apiUrl?: string; key?: string; from?: string; to?: string }, command: Command) => {
        const instance = await readInstance(dataDirOf(command));
        const apiUrl = flags.apiUrl ?? instance?.apiUrl;
        const key = flags.key ?? instance?.readKey;
        if (apiUrl === undefined || key === undefined) {
          throw new Error('Which API? Start Sluice in this folder, or give --api-url and --key.');
        }
        const url = new URL('/v1/audit', apiUrl);
        if (flags.from !== undefined) url.searchParams.set('from', flags.from);
        if (flags.to !== undefined) url.searchParams.set('to', flags.to);
        const audit = await ask(url, key);
        printJson(audit);
        if (!audit.balanced) throw new Error('The audit does not balance: see the differences above.');
      },
    );
}

async function ask(url: URL, key: string): Promise<AuditAnswer> {
  let answer: Response;
  try {
    answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  } catch (error) {
    throw new Error(`The analytics API at ${url.origin} does not answer. Is Sluice running?`, {
      cause: error,
    });
  }
  const body = (await answer.json()) as AuditAnswer & { message?: string };
  if (!answer.ok) throw new Error(body.message ?? `The analytics API answered ${answer.status}.`);
  return body;
}
