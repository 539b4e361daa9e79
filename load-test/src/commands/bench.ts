import { Argument, Command } from 'commander';
import { alignedLines, numberText } from '../shapes/text.js';
import { runCommand, type CommandContext } from './run-command.js';

interface Flags {
  json?: boolean;
}

const PARTS = ['landing', 'end-to-end'] as const;
type Part = (typeof PARTS)[number];

const program = new Command('bench')
  .description(
    'Measures one part of the way of an event on this machine:\n' +
      '  landing     rows a second from the log to Postgres and ClickHouse, beside plain COPY\n' +
      '  end-to-end  events a second that are accepted and become queryable as fast as they come',
  )
  .addArgument(new Argument('<part>', 'what to measure').choices(PARTS));

await runCommand<Flags>(program, async (_flags, context, args) => {
  const result = await measure(args[0] as Part, context);
  return { ok: true, json: result, text: textOf(result) };
});

/** Loaded when it is asked for: each part brings in services and engines of its own. */
async function measure(part: Part, context: CommandContext): Promise<object> {
  switch (part) {
    case 'landing': {
      const { benchLanding } = await import('../bench/landing.js');
      return benchLanding();
    }
    case 'end-to-end': {
      const { benchEndToEnd } = await import('../bench/end-to-end.js');
      return benchEndToEnd({ signal: context.signal, onProgress: (text) => context.progress(text) });
    }
  }
}

function textOf(result: object): string {
  return alignedLines(
    Object.entries(result).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'number' ? numberText(value) : JSON.stringify(value),
    ]),
  );
}
