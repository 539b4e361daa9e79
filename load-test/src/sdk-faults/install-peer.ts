import { execFile } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PeerPackage {
  name: string;
  version: string;
}

/**
 * Installs a peer's package, if it is not there yet, into a folder of its own under `cacheDir`: peers are compared with,
 * never depended on. Resolves with that folder.
 * @throws Error when npm cannot install it.
 */
export async function installPeer({ name, version }: PeerPackage, cacheDir: string): Promise<string> {
  const dir = join(cacheDir, `${name.replace(/^@/, '').replaceAll('/', '-')}@${version}`);
  try {
    await access(join(dir, 'installed'));
    return dir;
  } catch {
    // Not there, or not whole.
  }
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, 'package.json'),
    JSON.stringify({ private: true, dependencies: { [name]: version } }),
  );
  await run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'],
    { cwd: dir },
  );
  await writeFile(join(dir, 'installed'), '');
  return dir;
}
