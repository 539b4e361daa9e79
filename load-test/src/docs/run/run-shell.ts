import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareShape, missingLines } from './compare-shape.js';
import type { StandIns } from './stand-ins.js';

export interface ShellOutcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A shell for the blocks of one page: what one block sets, the next one has. */
export interface PageShell {
  run(code: string): Promise<ShellOutcome>;
}

const TIMEOUT_MS = 120_000;
/** What a command that takes too long may take to clean up. */
const GRACE_MS = 15_000;

/** @param workDir Where the shell keeps what blocks have set. */
export async function openPageShell(options: {
  root: string;
  workDir: string;
  environment: NodeJS.ProcessEnv;
}): Promise<PageShell> {
  const stateFile = join(options.workDir, 'variables.sh');
  await writeFile(stateFile, '');
  return {
    run(code) {
      const script = ['set -eo pipefail', 'set -a', '. "$VARIABLES"', code, 'export -p > "$VARIABLES"'].join(
        '\n',
      );
      return new Promise((resolve, reject) => {
        const child = spawn('bash', ['-c', script], {
          cwd: options.root,
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...options.environment, VARIABLES: stateFile },
          detached: true,
        });
        let stdout = '';
        let stderr = '';
        const tooLong = setTimeout(() => {
          signal(child, 'SIGTERM');
          setTimeout(() => signal(child, 'SIGKILL'), GRACE_MS).unref();
        }, TIMEOUT_MS);
        child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        child.once('error', reject);
        child.once('close', (exitCode, killedBy) => {
          clearTimeout(tooLong);
          resolve({
            exitCode: exitCode ?? 1,
            stdout,
            stderr: killedBy === null ? stderr : `${stderr}\n${killedBy}`,
          });
        });
      });
    },
  };
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What is wrong with a command that ran: it failed, or answered with an error; undefined when it is right. */
export function faultOfOutcome(outcome: ShellOutcome): string | undefined {
  if (outcome.exitCode !== 0) {
    return `exits with ${outcome.exitCode}: ${tail(outcome.stderr === '' ? outcome.stdout : outcome.stderr)}`;
  }
  for (const value of jsonValues(outcome.stdout)) {
    if (typeof value === 'object' && value !== null && 'retryable' in value && 'code' in value) {
      return `answers with an error: ${JSON.stringify(value)}`;
    }
  }
  return undefined;
}

/** What is wrong with an output beside the one the page shows; what it names otherwise is remembered for later blocks. */
export function faultsOfOutput(
  shown: { language: string; code: string },
  outcome: ShellOutcome,
  standIns: StandIns,
): string[] {
  if (shown.language === 'json') {
    const values = jsonValues(outcome.stdout);
    const actual = values.at(-1);
    if (actual === undefined) return [`answers no JSON: ${tail(outcome.stdout)}`];
    const { faults, renamed } = compareShape(JSON.parse(shown.code), actual);
    for (const { shown: name, actual: other } of renamed) standIns.remember(name, other);
    return faults;
  }
  return missingLines(shown.code, standIns.empty(`${outcome.stdout}\n${outcome.stderr}`)).map(
    (line) => `does not say: ${line}`,
  );
}

/** JSON in an output: the whole of it, its lines, or values that stand right behind each other, as curl leaves them. */
function jsonValues(text: string): unknown[] {
  const values: unknown[] = [];
  const whole = parsed(text);
  if (whole !== undefined) return [whole];
  for (const line of text.split('\n').filter((other) => /^\s*[[{]/.test(other))) {
    let piece = '';
    for (const part of line.split(/(?<=[}\]])(?=[{[])/)) {
      piece += part;
      const value = parsed(piece);
      if (value === undefined) continue;
      values.push(value);
      piece = '';
    }
  }
  return values;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tail(text: string): string {
  return text.trim().split('\n').slice(-6).join(' / ').slice(-600);
}
