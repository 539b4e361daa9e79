import { fork, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';

export interface SupervisedProcessOptions {
  name: string;
  /** File to run. */
  entry: string;
  environment: NodeJS.ProcessEnv;
  /** Gets everything the process writes. */
  logFile: string;
  /** Gets what a person should see: warnings and worse. */
  onNotice(line: string): void;
  /** The process runs (again) under this pid. */
  onStarted(pid: number): void;
  /** Longest time between SIGTERM and SIGKILL when stopping, milliseconds. Default 30,000. */
  stopTimeoutMs?: number;
}

export interface SupervisedProcess {
  stop(): Promise<void>;
}

const FIRST_RESTART_DELAY_MS = 250;
const LONGEST_RESTART_DELAY_MS = 10_000;
/** A process that ran this long was healthy: its next restart is quick again. */
const HEALTHY_AFTER_MS = 30_000;

/**
 * Keeps one child process running. States: running → (exit) → waiting → running …, and from either, once stop() is
 * called, → stopped. The child notices when this process is gone, by the channel between them, and stops by itself.
 */
export function superviseProcess(options: SupervisedProcessOptions): SupervisedProcess {
  const log = createWriteStream(options.logFile, { flags: 'a' });
  let stopping = false;
  let delayMs = FIRST_RESTART_DELAY_MS;
  let child: ChildProcess | undefined;
  let restart: NodeJS.Timeout | undefined;

  function start(): void {
    const startedAtMs = Date.now();
    const started = fork(options.entry, [], {
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child = started;
    if (started.pid !== undefined) options.onStarted(started.pid);
    relay(started, log, options);
    started.once('exit', (code, signal) => {
      child = undefined;
      if (stopping) return;
      if (Date.now() - startedAtMs > HEALTHY_AFTER_MS) delayMs = FIRST_RESTART_DELAY_MS;
      const how = signal ?? `exit code ${code ?? 'unknown'}`;
      options.onNotice(`The ${options.name} ended (${how}); starting it again in ${delayMs} ms.`);
      restart = setTimeout(start, delayMs);
      delayMs = Math.min(delayMs * 2, LONGEST_RESTART_DELAY_MS);
    });
  }

  start();
  return {
    async stop() {
      stopping = true;
      clearTimeout(restart);
      const running = child;
      if (running !== undefined && running.exitCode === null && running.signalCode === null) {
        const exited = new Promise<void>((resolve) => running.once('exit', () => resolve()));
        running.kill('SIGTERM');
        const deadline = setTimeout(() => running.kill('SIGKILL'), options.stopTimeoutMs ?? 30_000);
        await exited;
        clearTimeout(deadline);
      }
      await new Promise<void>((resolve) => log.end(() => resolve()));
    },
  };
}

/** Log lines go to the file; those of level warn (40) and above, and anything that is not a log line, to people too. */
function relay(child: ChildProcess, log: WriteStream, options: SupervisedProcessOptions): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (!log.writableEnded) log.write(`${line}\n`);
      const notice = noticeOf(line);
      if (notice !== undefined) options.onNotice(`[${options.name}] ${notice}`);
    });
  }
}

function noticeOf(line: string): string | undefined {
  if (line.trim() === '') return undefined;
  const entry = logEntry.safeParse(parsed(line));
  if (!entry.success) return line;
  const { level, msg, err } = entry.data;
  if (level < 40) return undefined;
  return `${msg ?? line}${err?.message === undefined ? '' : `: ${err.message}`}`;
}

/** A line of the services' logs: numbers as pino gives them to levels. */
const logEntry = z.object({
  level: z.number(),
  msg: z.string().optional(),
  err: z.object({ message: z.string().optional() }).optional(),
});

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
