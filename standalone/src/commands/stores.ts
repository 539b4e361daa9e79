import { openPostgres, type Postgres } from '@sluice/warehouse';
import type { Command } from 'commander';
import { readInstance, type Instance } from '../instance-file.js';
import { storeUrls, type StoreUrls } from '../store-urls.js';

/** The stores that a command works on: those the environment names, else those of the data directory. */
export function urlsOf(command: Command): StoreUrls {
  return storeUrls(dataDirOf(command), process.env);
}

export function dataDirOf(command: Command): string {
  return command.optsWithGlobals<{ dataDir: string }>().dataDir;
}

/** Runs `work` with Postgres open: that of the running instance, or one started for the time being. */
export async function withPostgres<T>(
  command: Command,
  work: (postgres: Postgres) => Promise<T>,
): Promise<T> {
  const postgres = await openPostgres(urlsOf(command).postgres, { max: 4, applicationName: 'sluice' });
  try {
    return await work(postgres);
  } finally {
    await postgres.close();
  }
}

/** The instance that runs in the data directory; undefined when none does. */
export async function runningInstance(command: Command): Promise<Instance | undefined> {
  const instance = await readInstance(dataDirOf(command));
  if (instance?.pid == null) return undefined;
  try {
    process.kill(instance.pid, 0);
    return instance;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? instance : undefined;
  }
}

/** Rows as aligned columns for people. */
export function printTable(rows: readonly Record<string, unknown>[]): void {
  const first = rows[0];
  if (first === undefined) return;
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => textOf(row[column])));
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...cells.map((line) => line[i]?.length ?? 0)),
  );
  const lineOf = (line: readonly string[]): string =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  process.stdout.write([lineOf(columns), ...cells.map(lineOf)].join('\n') + '\n');
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
