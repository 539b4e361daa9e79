import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { wait } from '../client/wait.js';

export interface ServiceProcessOptions {
  /** `gateway`, `gateway-2`, `pipeline-1` … */
  name: string;
  /** Program and arguments. */
  command: readonly [string, ...string[]];
  cwd: string;
  /** All of its environment: nothing of this process's own is added but what finding programs takes. */
  environment: Readonly<Record<string, string>>;
  logFile: string;
  /** Answers 200 when the service is ready. */
  readyUrl: string;
}

/** One service of a composed system: a process that can be stopped as an orchestrator does, or killed. */
export interface ServiceProcess {
  readonly name: string;
  readonly readyUrl: string;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** SIGTERM. Resolves with its exit code when it is gone. @throws Error when it takes longer than `graceMs`. */
  stop(graceMs: number): Promise<number>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Generous: a machine may be busy with something else. */
const READY_TIMEOUT_MS = 240_000;
const READY_POLL_MS = 50;

export function createServiceProcess(options: ServiceProcessOptions): ServiceProcess {
  const { name, readyUrl, logFile } = options;
  let child: ChildProcess | undefined;
  const killNow = (): void => void child?.kill('SIGKILL');

  async function failure(what: string): Promise<Error> {
    const log = await readFile(logFile, 'utf8').catch(() => '');
    return new Error(`${name} ${what}:\n${log.split('\n').slice(-15).join('\n')}`);
  }

  return {
    name,
    readyUrl,
    async start() {
      child = spawnLogged(options.command, options);
      process.once('exit', killNow);
      const started = child;
      const deadlineMs = Date.now() + READY_TIMEOUT_MS;
      while (!(await isOk(readyUrl))) {
        if (hasEnded(started)) throw await failure('ended while it started');
        if (Date.now() > deadlineMs) throw await failure('did not become ready');
        await wait(READY_POLL_MS);
      }
    },
    async stop(graceMs) {
      const running = child;
      if (running === undefined) return 0;
      const exited = exitOf(running);
      running.kill('SIGTERM');
      const force = setTimeout(() => running.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(force);
      process.off('exit', killNow);
      child = undefined;
      if (running.signalCode === 'SIGKILL') throw await failure(`did not stop within ${graceMs} ms`);
      return running.exitCode ?? -1;
    },
    async kill() {
      const running = child;
      if (running === undefined) return;
      const exited = exitOf(running);
      running.kill('SIGKILL');
      await exited;
      process.off('exit', killNow);
      child = undefined;
    },
  };
}

/** Runs a job to its end; resolves with its standard output. @throws Error with its log when it fails. */
export async function runJob(
  options: Pick<ServiceProcessOptions, 'name' | 'command' | 'cwd' | 'environment'>,
): Promise<string> {
  const child = spawn(options.command[0], options.command.slice(1), {
    cwd: options.cwd,
    env: surroundings(options.environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${options.name} failed (${code ?? 'killed'}):\n${log}`);
  return output;
}

function spawnLogged(command: readonly [string, ...string[]], options: ServiceProcessOptions): ChildProcess {
  const log = openSync(options.logFile, 'a');
  try {
    return spawn(command[0], command.slice(1), {
      cwd: options.cwd,
      env: surroundings(options.environment),
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

function surroundings(environment: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  return { PATH, HOME, TMPDIR, ...environment };
}

async function isOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function exitOf(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}
