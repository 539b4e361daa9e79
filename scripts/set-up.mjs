import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Brings a checkout to where its commands run: dependencies as the lock file says, workspaces built from the sources as
 * they are. Does nothing when nothing has changed. What it does is told on standard error; standard output stays free.
 */
export function setUp({ build = true } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Sluice needs Node 20.19 or newer; this is ${process.versions.node}.`);
  }
  installDependencies();
  if (build) buildWorkspaces();
}

function installDependencies() {
  const stampFile = join(root, 'node_modules', '.sluice-installed');
  const stamp = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(process.version)
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  tell('Installing dependencies (npm ci) …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stampFile, stamp);
}

function buildWorkspaces() {
  const stampFile = join(root, '.cache', 'built');
  const stamp = sourceFingerprint();
  const built = existsSync(join(root, 'standalone', 'dist', 'sluice.js'));
  if (built && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  tell('Building the workspaces …');
  run('npx', ['--no-install', 'turbo', 'run', 'build', '--output-logs=errors-only', '--no-update-notifier']);
  mkdirSync(join(root, '.cache'), { recursive: true });
  writeFileSync(stampFile, stamp);
}

/** Names, sizes and times of everything a build reads. */
function sourceFingerprint() {
  const hash = createHash('sha256');
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const walk = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) walk(child);
      else {
        const { size, mtimeMs } = statSync(child);
        hash.update(`${child} ${size} ${mtimeMs}\n`);
      }
    }
  };
  for (const workspace of workspaces) {
    hash.update(readFileSync(join(root, workspace, 'package.json')));
    for (const folder of ['src', 'assembly']) {
      const path = join(root, workspace, folder);
      if (existsSync(path)) walk(path);
    }
  }
  return hash.digest('hex');
}

/** Runs a command in the root of the checkout and ends this process with its exit code when it fails. */
export function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    // Standard output of a set-up step goes to standard error: the command's own output is what callers read.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', ...env },
  });
  if (result.error) fail(`${command} could not be run: ${result.error.message}`);
  if (result.signal) process.kill(process.pid, result.signal);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

export function tell(text) {
  process.stderr.write(`${text}\n`);
}

export function fail(text) {
  tell(text);
  process.exit(1);
}
