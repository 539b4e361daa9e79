import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { wait } from '../client/wait.js';
import { findFreePorts } from '../instance/standalone-instance.js';
import { readInstanceState, type InstanceState } from '../target/target.js';

/** A Sluice that was started as the documentation says: by `npm start`. */
export interface DocumentedInstance {
  dataDir: string;
  state: InstanceState;
  /** What `npm start` has told a person so far. */
  told(): Promise<string>;
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;

/** Runs `npm start` with a data directory and ports of its own. However this process ends, the instance ends with it. */
export async function startAsDocumented(root: string, dataDir: string): Promise<DocumentedInstance> {
  const [gatewayPort, apiPort] = await findFreePorts(2);
  const logFile = join(dataDir, 'start.log');
  const log = createWriteStream(logFile, { flags: 'a' });
  await new Promise<void>((resolve, reject) => log.once('open', () => resolve()).once('error', reject));
  const child = spawn(
    'npm',
    ['start', '--', '--data-dir', dataDir, '--gateway-port', `${gatewayPort}`, '--api-port', `${apiPort}`],
    { cwd: root, detached: true, stdio: ['ignore', log, log] },
  );
  const kill = (): void => signal(child, 'SIGKILL');
  process.on('exit', kill);
  const told = (): Promise<string> => readFile(logFile, 'utf8');
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const state = await readInstanceState(dataDir);
    if (state !== undefined && state.pid !== null) {
      return { dataDir, state, told, stop: () => stop(child, kill) };
    }
    if (child.exitCode !== null || Date.now() > deadline) {
      kill();
      throw new Error(`npm start did not become ready:\n${await told()}`);
    }
    await wait(50);
  }
}

/** As Ctrl+C does: the signal goes to the whole group. */
async function stop(child: ChildProcess, kill: () => void): Promise<void> {
  process.off('exit', kill);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signal(child, 'SIGINT');
  const force = setTimeout(kill, STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(force);
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
