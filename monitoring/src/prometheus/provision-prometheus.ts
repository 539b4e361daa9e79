import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE_DIR } from '../paths.js';

const run = promisify(execFile);

/** Debian's packages, and what of them is needed. The programs stand alone: nothing of the rest is used. */
const PACKAGES = ['prometheus', 'prometheus-alertmanager'];
const PROGRAMS = ['prometheus', 'promtool', 'amtool'] as const;

export type PrometheusPrograms = Record<(typeof PROGRAMS)[number], string>;

/** Says what a machine lacks to run Prometheus. */
export class PrometheusMissingError extends Error {
  override name = 'PrometheusMissingError';
}

/**
 * Paths of prometheus, promtool and amtool. Those on PATH are used; where one is missing, all are fetched from the machine's
 * Debian or Ubuntu archive into a cache directory, once. Nothing is installed, no service starts, and it takes no root.
 *
 * @throws PrometheusMissingError when there are none and none can be fetched.
 */
export async function provisionPrometheus(
  options: { cacheDir?: string; searchPath?: string } = {},
): Promise<PrometheusPrograms> {
  const { cacheDir = join(CACHE_DIR, 'prometheus'), searchPath = process.env['PATH'] ?? '' } = options;
  const installed = await findAll(searchPath.split(delimiter).filter((dir) => dir !== ''));
  if (installed !== undefined) return installed;
  const target = join(cacheDir, 'debian');
  const fetched = await findAll([join(target, 'usr', 'bin')]);
  if (fetched !== undefined) return fetched;
  await mkdir(cacheDir, { recursive: true });
  const building = await mkdtemp(join(cacheDir, 'building-'));
  try {
    await fetchPackages(building);
    // Renamed when it is whole. Who comes second finds it there and drops its own.
    await rename(join(building, 'root'), target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  const programs = await findAll([join(target, 'usr', 'bin')]);
  if (programs === undefined) throw new PrometheusMissingError(`${PACKAGES.join(' and ')} lack programs.`);
  return programs;
}

async function fetchPackages(dir: string): Promise<void> {
  try {
    try {
      await run('apt-get', ['download', ...PACKAGES], { cwd: dir });
    } catch (error) {
      if (isMissing(error)) throw error;
      // The machine has no lists of its archive yet: they are fetched beside its own, which only root may touch.
      const lists = [
        `Dir::State::lists=${join(dir, 'lists')}`,
        `Dir::Cache=${join(dir, 'cache')}`,
        'APT::Sandbox::User=',
      ].flatMap((option) => ['-o', option]);
      await mkdir(join(dir, 'lists', 'partial'), { recursive: true });
      await mkdir(join(dir, 'cache', 'archives', 'partial'), { recursive: true });
      await run('apt-get', [...lists, 'update', '-qq'], { cwd: dir });
      await run('apt-get', [...lists, 'download', ...PACKAGES], { cwd: dir });
    }
    for (const file of await readdir(dir)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['--extract', join(dir, file), join(dir, 'root')]);
    }
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new PrometheusMissingError(
      isMissing(error)
        ? 'There is no Prometheus on PATH, and no apt-get here to fetch it with: install prometheus, promtool and amtool.'
        : `There is no Prometheus on PATH, and apt-get could not fetch it: ${stderr.trim() || String(error)}`,
      { cause: error },
    );
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Undefined unless every program is there. */
async function findAll(dirs: readonly string[]): Promise<PrometheusPrograms | undefined> {
  const found: Partial<PrometheusPrograms> = {};
  for (const program of PROGRAMS) {
    for (const dir of dirs) {
      const path = join(dir, program);
      if (found[program] === undefined && (await isExecutable(path))) found[program] = path;
    }
  }
  return PROGRAMS.every((program) => found[program] !== undefined)
    ? (found as PrometheusPrograms)
    : undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
