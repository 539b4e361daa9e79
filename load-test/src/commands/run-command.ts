import { setMaxListeners } from 'node:events';
import { CommanderError, InvalidArgumentError, Option, type Command } from 'commander';

export interface CommandContext {
  /** Aborted by Ctrl+C: stop, clean up, and report what there is. */
  signal: AbortSignal;
  /** Replaces the line of progress on standard error; on something that is no terminal, writes a line. */
  progress(text: string): void;
  /** Writes a line for people on standard error. */
  tell(text: string): void;
}

export interface CommandResult {
  ok: boolean;
  /** The last line of output with --json. */
  json: object;
  /** The output without --json. */
  text: string;
}

const EXIT_CODES = `
Exit codes: 0 done and right; 1 failed, or something was wrong; 2 wrong usage; 130 interrupted.`;

/**
 * Runs a command as this process. The result goes to standard output, as text or with --json as one line of JSON;
 * everything else goes to standard error.
 */
// The type of the flags follows from the program's options, which only the caller can say.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export async function runCommand<Flags extends { json?: boolean }>(
  program: Command,
  run: (flags: Flags, context: CommandContext, args: string[]) => Promise<CommandResult>,
): Promise<never> {
  const abort = new AbortController();
  // Every request that waits to be sent again listens to it.
  setMaxListeners(0, abort.signal);
  let exitCode = 1;
  const interrupt = (): void => {
    // The second Ctrl+C does not wait for the clean-up.
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);

  program
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .action(async () => {
      const context = createContext(abort.signal);
      const result = await run(program.opts<Flags>(), context, program.args);
      context.endProgress();
      process.stdout.write(
        program.opts<Flags>().json === true ? `${JSON.stringify(result.json)}\n` : `${result.text}\n`,
      );
      exitCode = result.ok ? 0 : 1;
    });
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    process.stderr.write(`\n${program.name()}: ${error instanceof Error ? error.message : String(error)}\n`);
    exitCode = 1;
  }
  process.exit(abort.signal.aborted ? 130 : exitCode);
}

function createContext(signal: AbortSignal): CommandContext & { endProgress(): void } {
  const isTerminal = process.stderr.isTTY;
  let open = false;
  let lastAtMs = 0;
  const endProgress = (): void => {
    if (open) process.stderr.write('\n');
    open = false;
  };
  return {
    signal,
    progress(text) {
      if (isTerminal) {
        process.stderr.write(`\r\u001b[2K${text}`);
        open = true;
      } else if (Date.now() - lastAtMs >= 5_000) {
        lastAtMs = Date.now();
        process.stderr.write(`${text}\n`);
      }
    },
    tell(text) {
      endProgress();
      process.stderr.write(`${text}\n`);
    },
    endProgress,
  };
}

/** Readers of option values; each refuses with a text that says what is expected. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new InvalidArgumentError('Expected a whole number above 0.');
  }
  return value;
}

export function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('Expected a whole number, 0 or more.');
  }
  return value;
}

export function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

const DURATION_UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90`, `90s`, `5m`, `2h`, `7d`; without a unit it is seconds. In milliseconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  const value = Number(match?.[1]);
  if (match === null || !(value > 0)) {
    throw new InvalidArgumentError('Expected a duration such as 90s, 5m or 2h.');
  }
  return value * DURATION_UNITS_MS[(match[2] ?? 's') as keyof typeof DURATION_UNITS_MS];
}

/** An option that takes a duration; `fallback` is written as a user would. */
export function durationOption(flags: string, description: string, fallback: string): Option {
  return new Option(flags, description).argParser(duration).default(duration(fallback), fallback);
}
