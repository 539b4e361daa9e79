import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** A command of ours in a text: `npm run NAME -- ARGUMENTS`, or `sluice ARGUMENTS`. */
export interface NamedCommand {
  /** The built file that runs. */
  file: string;
  subcommands: string[];
  flags: string[];
}

/** Files of the scripts whose options can be looked up: those that `scripts/run.mjs` starts. */
export type CommandFiles = ReadonlyMap<string, string>;

/** Commands that a line of a page or of a script names. */
export function namedCommands(text: string, files: CommandFiles): NamedCommand[] {
  const commands: NamedCommand[] = [];
  const ours = /\bnpm (?:run (?:--silent )?([\w:-]+)|(start))((?: [^|&;#)`]*)?)/g;
  for (const [, script, start, rest = ''] of text.matchAll(ours)) {
    const file = files.get(script ?? start!);
    if (file === undefined) continue;
    const words = (rest.split(' -- ')[1] ?? '').trim().split(/\s+/);
    commands.push({ file, ...split(start === undefined ? words : ['start', ...words]) });
  }
  for (const [, rest] of text.matchAll(/(?:^|[^\w-])sluice ((?:[a-z][\w-]*|--[\w-]+)(?: [^|&;#)`]*)?)/g)) {
    commands.push({ file: files.get('sluice')!, ...split(rest!.split(/\s+/)) });
  }
  return commands;
}

function split(words: readonly string[]): { subcommands: string[]; flags: string[] } {
  const flags = words.flatMap((word) => /^--[a-z][\w-]*/.exec(word)?.[0] ?? []);
  const first = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  return { subcommands: words.slice(0, first === -1 ? words.length : first), flags };
}

/** Looks commands up in what they say of themselves with `--help`, once each. */
export function createFlagChecker(root: string): (command: NamedCommand) => Promise<string | undefined> {
  const helps = new Map<string, Promise<string>>();
  const helpOf = (file: string, args: readonly string[]): Promise<string> => {
    const key = [file, ...args].join(' ');
    const known = helps.get(key);
    if (known !== undefined) return known;
    const help = readHelp(join(root, file), args);
    helps.set(key, help);
    return help;
  };
  return async ({ file, subcommands, flags }) => {
    let last = await helpOf(file, []);
    let help = last;
    let path: string[] = [];
    for (const word of subcommands) {
      if (!new RegExp(`^  ${word}(?:[| ]|$)`, 'm').test(last)) {
        // A command without subcommands takes arguments.
        return /^Commands:/m.test(last)
          ? `has no command ${[...path, word].join(' ')}`
          : flagFault(help, flags);
      }
      path = [...path, word];
      last = await helpOf(file, path);
      help += last;
    }
    return flagFault(help, flags);
  };
}

function flagFault(help: string, flags: readonly string[]): string | undefined {
  const unknown = flags.find((flag) => !new RegExp(`${flag}\\b`).test(help));
  return unknown === undefined ? undefined : `has no option ${unknown}`;
}

function readHelp(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args, '--help'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.once('error', reject);
    child.once('close', () => resolve(text));
  });
}
