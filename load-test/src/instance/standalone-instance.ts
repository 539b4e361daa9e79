import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { wait } from '../client/wait.js';
import { readInstanceState, type InstanceState, type Target } from '../target/target.js';

export type Part = 'gateway' | 'worker' | 'postgres';

/** A Sluice of our own: on a data directory and ports of its own, to be killed at will. */
export interface StandaloneInstance {
  readonly dataDir: string;
  /** The same over restarts. */
  readonly target: Target;
  /** As the instance's file says now. */
  state(): Promise<InstanceState>;
  /** SIGKILL to one part; false when it is not running. Its supervisor starts it again. */
  killPart(part: Part): Promise<boolean>;
  /** SIGKILL to the supervisor and all parts at once. */
  killAll(): Promise<void>;
  /** Starts it again after killAll(). Resolves when it is ready. */
  start(): Promise<void>;
  /** Stops it in good order. */
  stop(): Promise<void>;
}

export interface StandaloneOptions {
  dataDir: string;
  /** Added to this process's environment; for example EVENT_LOG_URL. */
  environment?: Record<string, string>;
  /** How long a start may take, milliseconds. Default 120,000. */
  readyTimeoutMs?: number;
  /** How long a stop may take before it is forced, milliseconds. Default 60,000. */
  stopTimeoutMs?: number;
}

/** Starts `sluice start` and resolves when it is ready. However this process ends, the instance ends with it. */
export async function startStandalone(options: StandaloneOptions): Promise<StandaloneInstance> {
  const { dataDir, readyTimeoutMs = 120_000, stopTimeoutMs = 60_000 } = options;
  const [gatewayPort, apiPort] = await findFreePorts(2);
  const logFile = join(dataDir, 'start.log');
  let supervisor: ChildProcess | undefined;
  let parts: number[] = [];

  const killAllNow = (): void => {
    if (supervisor?.pid !== undefined) killPid(-supervisor.pid);
    for (const pid of parts) killPid(pid);
  };
  process.on('exit', killAllNow);

  async function launch(): Promise<InstanceState> {
    const log = openSync(logFile, 'a');
    const started = spawn(
      process.execPath,
      [
        sluicePath(),
        'start',
        '--data-dir',
        dataDir,
        '--gateway-port',
        String(gatewayPort),
        '--api-port',
        String(apiPort),
      ],
      {
        // A process group of its own, so that it can be killed whole, and Ctrl+C reaches only us.
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...options.environment },
      },
    );
    closeSync(log);
    supervisor = started;
    const deadline = Date.now() + readyTimeoutMs;
    for (;;) {
      if (started.exitCode !== null || started.signalCode !== null || started.pid === undefined) {
        throw new Error(`Sluice could not be started:\n${await tailOf(logFile)}`);
      }
      const state = await readInstanceState(dataDir);
      if (state?.pid === started.pid) {
        parts = Object.values(state.children);
        return state;
      }
      if (Date.now() > deadline) {
        killAllNow();
        throw new Error(`Sluice was not ready after ${readyTimeoutMs / 1_000} s:\n${await tailOf(logFile)}`);
      }
      await wait(50);
    }
  }

  async function state(): Promise<InstanceState> {
    const current = await readInstanceState(dataDir);
    if (current === undefined) throw new Error(`${dataDir} holds no instance.`);
    parts = Object.values(current.children);
    return current;
  }

  const first = await launch();
  const { gatewayUrl, apiUrl, writeKey, readKey } = first;
  return {
    dataDir,
    target: { gatewayUrl, apiUrl, writeKey, readKey },
    state,
    async killPart(part) {
      const pid = (await state()).children[part];
      return pid !== undefined && killPid(pid);
    },
    async killAll() {
      await state();
      const running = supervisor;
      killAllNow();
      if (running !== undefined) await exited(running);
      supervisor = undefined;
      parts = [];
    },
    async start() {
      await launch();
    },
    async stop() {
      const running = supervisor;
      if (running !== undefined && running.exitCode === null && running.signalCode === null) {
        await state();
        running.kill('SIGTERM');
        const force = setTimeout(killAllNow, stopTimeoutMs);
        await exited(running);
        clearTimeout(force);
      }
      supervisor = undefined;
      parts = [];
      process.off('exit', killAllNow);
    },
  };
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}

/** False when there is no such process. */
function killPid(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The built `sluice` command, whether this code runs built or from its sources. */
export function sluicePath(): string {
  const entry = createRequire(import.meta.url).resolve('@sluice/standalone');
  return fileURLToPath(new URL('../dist/sluice.js', pathToFileURL(entry)));
}

async function tailOf(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).split('\n').slice(-30).join('\n');
  } catch {
    return '(it wrote nothing)';
  }
}

/** Ports nobody listens on now. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
