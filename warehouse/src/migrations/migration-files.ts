import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Migration {
  /** File name without its ending: `0001_initial`. */
  name: string;
  sql: string;
  /** SHA-256 of the file: an applied file that was changed afterwards is refused. */
  checksum: string;
}

/** The migrations of a store in their order. */
export async function readMigrations(store: 'postgres' | 'clickhouse'): Promise<Migration[]> {
  const folder = join(migrationsRoot(), store);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(join(folder, file), 'utf8');
      return { name: file.slice(0, -'.sql'.length), sql, checksum: checksumOf(sql) };
    }),
  );
}

export function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}

/** The folder lies in the workspace, beside the sources and beside what is built from them. */
function migrationsRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = ['..', '../..'].map((up) => join(here, up, 'migrations'));
  const root = candidates.find((path) => existsSync(join(path, 'postgres')));
  if (root === undefined)
    throw new Error(`The migrations are missing; they were looked for in ${candidates.join(', ')}.`);
  return root;
}
