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
  const folder = join(findMigrations(), store);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(join(folder, file), 'utf8');
      return { name: file.slice(0, -4), sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** The `migrations` folder of this workspace: the nearest one above, from a source file as from a built one. */
function findMigrations(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, 'migrations', 'postgres');
    if (existsSync(candidate)) return dirname(candidate);
    if (folder === dirname(folder)) throw new Error('The migrations of the stores are not installed.');
  }
}
