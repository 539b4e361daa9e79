import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface PackedPackage {
  name: string;
  version: string;
  /** The tarball. */
  file: string;
  packedBytes: number;
  unpackedBytes: number;
  /** What is in it, sorted. */
  files: string[];
}

/** Makes the tarballs that are published, in `dir`, from the build. */
export function packPackages(dir: string): Map<string, PackedPackage> {
  const output = execFileSync(process.execPath, [join(ROOT, 'scripts', 'pack.mjs'), '--out', dir, '--json'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { packages } = JSON.parse(output.trim().split('\n').at(-1)!) as { packages: PackedPackage[] };
  return new Map(packages.map((packed) => [packed.name, packed]));
}

/** Installs tarballs into a folder, with what they depend on, as their users do. */
export function installTarballs(dir: string, tarballs: readonly string[]): void {
  execFileSync('npm', ['install', ...NPM_FLAGS, ...tarballs], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

// What `npm ci` fetched for the checkout is at hand already.
const NPM_FLAGS = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

export function readInstalledManifest(dir: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dir, 'node_modules', name, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
}
