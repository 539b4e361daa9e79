import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
  const isReady = () => areDependenciesInstalled() && (!build || areWorkspacesBuilt());
  if (isReady()) return;
  const release = takeTurn();
  try {
    // What was missing may have been done by whoever had the turn before.
    if (!areDependenciesInstalled()) installDependencies();
    if (build && !areWorkspacesBuilt()) buildWorkspaces();
  } finally {
    release();
  }
}

/** A set-up takes a minute or two; a turn that is older is one of a process that another has the number of by now. */
const LONGEST_TURN_MS = 20 * 60_000;

/** Commands that start at once set up one after the other. A turn ends with its process, however that ends. */
function takeTurn() {
  const file = join(root, '.cache', 'set-up.pid');
  mkdirSync(join(root, '.cache'), { recursive: true });
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const turn = readTurn(file);
    if (turn === undefined) continue;
    const isOver = !isRunning(turn.pid) || Date.now() - turn.sinceMs > LONGEST_TURN_MS;
    if (isOver) rmSync(file, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
  }
}

/** Whose turn it is and since when; undefined when it has just ended. */
function readTurn(file) {
  try {
    return { pid: Number(readFileSync(file, 'utf8')), sinceMs: statSync(file).mtimeMs };
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

function isRunning(pid) {
  try {
    // 0 is what a file says that is being written at this moment: this process's own group.
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function dependencyStamp() {
  const file = join(root, 'node_modules', '.sluice-installed');
  const stamp = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(process.version)
    .digest('hex');
  return { file, stamp };
}

function areDependenciesInstalled() {
  const { file, stamp } = dependencyStamp();
  return isStamped(file, stamp);
}

function isStamped(file, stamp) {
  return existsSync(file) && readFileSync(file, 'utf8') === stamp;
}

function installDependencies() {
  tell('Installing dependencies (npm ci) …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  const { file, stamp } = dependencyStamp();
  writeFileSync(file, stamp);
}

const BUILD_STAMP = join(root, '.cache', 'built');

function areWorkspacesBuilt() {
  return (
    existsSync(join(root, 'standalone', 'dist', 'sluice.js')) && isStamped(BUILD_STAMP, sourceFingerprint())
  );
}

function buildWorkspaces() {
  const stamp = sourceFingerprint();
  tell('Building the workspaces …');
  run('npx', ['--no-install', 'turbo', 'run', 'build', '--output-logs=errors-only', '--no-update-notifier']);
  writeFileSync(BUILD_STAMP, stamp);
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

/**
 * Runs lists of commands side by side, each list in its order, and ends this process when one of them failed: after all have
 * ended, so that all faults are told at once. What a command says is told when it has ended.
 */
export async function runSideBySide(...lists) {
  const statuses = await Promise.all(
    lists.map(async (commands) => {
      let worst = 0;
      for (const [command, ...args] of commands) worst = Math.max(worst, await runQuietly(command, args));
      return worst;
    }),
  );
  if (Math.max(...statuses) > 0) process.exit(Math.max(...statuses));
}

function runQuietly(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (said += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (said !== '') tell(said.trimEnd());
      resolve(code ?? 1);
    });
  });
}

export function tell(text) {
  process.stderr.write(`${text}\n`);
}

export function fail(text) {
  tell(text);
  process.exit(1);
}
