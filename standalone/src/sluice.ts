import { createCensor, secretsOf } from '@sluice/service-kit';
import { Command, InvalidArgumentError } from 'commander';
import { registerAdminActions } from './commands/admin-actions.js';
import { registerAudit } from './commands/audit.js';
import { registerChurn } from './commands/churn.js';
import { registerDeadLetters } from './commands/dead-letters.js';
import { registerKeys } from './commands/keys.js';
import { registerMigrate } from './commands/migrate.js';
import { registerPeople } from './commands/people.js';
import { registerPlan } from './commands/plan.js';
import { registerProjects } from './commands/projects.js';
import { registerRebuild } from './commands/rebuild.js';
import { start } from './commands/start.js';
import { VERSION } from './version.js';

/** The `sluice` command. Results go to standard output, everything else to standard error; a failure exits with 1. */
const program = new Command('sluice')
  .description('Event analytics you run yourself: every accepted event reaches every number exactly once.')
  .version(VERSION)
  .option('--data-dir <dir>', 'folder of the embedded stores', process.env['SLUICE_DATA_DIR'] ?? './data')
  .addHelpText(
    'after',
    `
Environment:
  EVENT_LOG_URL, POSTGRES_URL, CLICKHOUSE_URL   use servers in place of the embedded stores
  SLUICE_DATA_DIR                               default of --data-dir

Exit codes: 0 done; 1 failed; 2 wrong usage.`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command('start')
  .description('run all of Sluice on this machine, until Ctrl+C')
  .option('--host <address>', 'address to listen on; 0.0.0.0 opens it to the network', '127.0.0.1')
  .option('--gateway-port <port>', 'port of the gateway', parsePort, 8001)
  .option('--api-port <port>', 'port of the analytics API', parsePort, 8002)
  .action(async (flags: { host: string; gatewayPort: number; apiPort: number }, command: Command) => {
    const abort = new AbortController();
    process.once('SIGINT', () => abort.abort());
    process.once('SIGTERM', () => abort.abort());
    await start({
      ...flags,
      dataDir: command.optsWithGlobals<{ dataDir: string }>().dataDir,
      environment: process.env,
      print: (line) => process.stderr.write(`${line}\n`),
      signal: abort.signal,
    });
  });

registerMigrate(program);
registerProjects(program);
registerKeys(program);
registerPlan(program);
registerAudit(program);
registerDeadLetters(program);
registerRebuild(program);
registerPeople(program);
registerChurn(program);
registerAdminActions(program);

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('A port is a whole number from 1 to 65535.');
  }
  return port;
}

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? 0);
} catch (error) {
  const censor = createCensor(secretsOf(process.env));
  process.stderr.write(`sluice: ${censor(error instanceof Error ? error.message : String(error))}\n`);
  process.exit(1);
}
