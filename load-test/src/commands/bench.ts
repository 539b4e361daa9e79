import { Argument, Command } from 'commander';
import { alignedLines, numberText } from '../shapes/text.js';
import { positiveInteger, runCommand, type CommandContext } from './run-command.js';

interface Flags {
  peers?: boolean;
  events?: number;
  users?: number;
  data?: string;
  results?: string;
  thresholds?: string;
  json?: boolean;
}

const PARTS = [
  'gateway',
  'landing',
  'end-to-end',
  'queries',
  'sdk-size',
  'counts',
  'nab',
  'churn',
  'scoring',
  'storage',
] as const;
type Part = (typeof PARTS)[number];

const program = new Command('bench')
  .description(
    'Measures one part of the way of an event on this machine:\n' +
      '  gateway     validated and durably logged events a second, beside a server that only parses\n' +
      '  landing     rows a second from the log to Postgres and ClickHouse, beside plain COPY\n' +
      '  end-to-end  events a second that are accepted and become queryable as fast as they come\n' +
      '  queries     answers of the API over 60 days of events, beside the best SQL by hand and the shapes of peers\n' +
      '  sdk-size    bytes of the browser SDK and of each autocapture module\n' +
      '  counts      what the monitor of counts finds in simulated series, and its false alerts\n' +
      '  nab         what the detector of levels finds in the Numenta Anomaly Benchmark, by its rules\n' +
      '  churn       models of churn: on the purchases of CDNOW, and on a million simulated people\n' +
      '  scoring     scoring a million people from the rollups: time and memory\n' +
      '  storage     bytes that an event takes in the log, in Postgres, in its write-ahead log and in ClickHouse',
  )
  .addArgument(new Argument('<part>', 'what to measure').choices(PARTS))
  .option(
    '--events <n>',
    'queries: events to ask about (default: 10 million); storage: events to land (default: 400,000)',
    positiveInteger,
  )
  .option(
    '--users <n>',
    'queries: people who did them (default: 500,000); churn, scoring: people simulated (default: 1 million)',
    positiveInteger,
  )
  .option(
    '--data <dir>',
    'churn: directory of CDNOW_sample.txt or CDNOW_master.txt, or one of them; nab: folder with data/ and windows.json, or a checkout of the benchmark',
  )
  .option(
    '--peers',
    'sdk-size: other trackers, too; those that are missing are installed from npm, into .cache',
  )
  .option('--results <dir>', "nab: score published results in place of the detector, one detector's or many")
  .option(
    '--thresholds <file>',
    "nab: thresholds for --results, in the form of the benchmark's thresholds.json (default: the best over all files)",
  );

await runCommand<Flags>(program, async (flags, context, args) => {
  const { ok, result } = await measure(args[0] as Part, flags, context);
  return { ok, json: result, text: textOf(result) };
});

/** Loaded when it is asked for: each part brings in services and engines of its own. */
async function measure(
  part: Part,
  flags: Flags,
  context: CommandContext,
): Promise<{ ok: boolean; result: object }> {
  switch (part) {
    case 'gateway': {
      const { benchGateway } = await import('../bench/gateway.js');
      return { ok: true, result: await benchGateway({ onProgress: (text) => context.progress(text) }) };
    }
    case 'landing': {
      const { benchLanding } = await import('../bench/landing.js');
      return { ok: true, result: await benchLanding() };
    }
    case 'end-to-end': {
      const { benchEndToEnd } = await import('../bench/end-to-end.js');
      const result = await benchEndToEnd({
        signal: context.signal,
        onProgress: (text) => context.progress(text),
        onTrial: (text) => context.tell(text),
      });
      return { ok: result.lost === 0 && result.duplicated === 0 && result.eventsPerSecond > 0, result };
    }
    case 'queries': {
      const { benchQueries } = await import('../bench/queries.js');
      const result = await benchQueries({
        ...(flags.events === undefined ? {} : { events: flags.events }),
        ...(flags.users === undefined ? {} : { users: flags.users }),
        signal: context.signal,
        onProgress: (text) => context.progress(text),
      });
      return { ok: result.disagreeing === 0, result };
    }
    case 'scoring': {
      const { benchScoring } = await import('../bench/scoring.js');
      const result = await benchScoring({
        people: flags.users,
        onProgress: (text) => context.progress(text),
      });
      return { ok: result.runs.length === 2, result };
    }
    case 'storage': {
      const { benchStorage } = await import('../bench/storage.js');
      const result = await benchStorage({
        messages: flags.events,
        onProgress: (text) => context.progress(text),
      });
      return { ok: true, result };
    }
    case 'churn': {
      if (flags.data === undefined) throw new Error('churn needs --data, the directory of the CDNOW files.');
      const { benchChurn } = await import('../bench/churn/bench-churn.js');
      const result = await benchChurn({
        data: flags.data,
        ...(flags.users === undefined ? {} : { people: flags.users }),
        onProgress: (text) => context.progress(text),
      });
      return { ok: result.failed.length === 0, result };
    }
    case 'sdk-size': {
      const { benchSdkSize } = await import('../bench/sdk-size.js');
      const result = await benchSdkSize({ withPeers: flags.peers === true });
      return { ok: result.exceeded.length === 0, result };
    }
    case 'nab': {
      if (flags.results !== undefined) {
        const { scoreResults } = await import('../bench/nab/score-results.js');
        const result = await scoreResults({
          resultsDir: flags.results,
          ...(flags.data === undefined ? {} : { dataDir: flags.data }),
          ...(flags.thresholds === undefined ? {} : { thresholdsFile: flags.thresholds }),
        });
        return { ok: true, result };
      }
      if (flags.data === undefined) throw new Error('Say with --data where the benchmark is.');
      const { benchNab } = await import('../bench/nab.js');
      const result = await benchNab({
        dataDir: flags.data,
        onProgress: (text) => context.progress(text),
        onTell: (text) => context.tell(text),
        signal: context.signal,
      });
      return { ok: result.causal && result.restorable, result };
    }
    case 'counts': {
      const { benchCounts } = await import('../bench/counts.js');
      const result = await benchCounts({
        signal: context.signal,
        onProgress: (text) => context.progress(text),
      });
      return { ok: result.missedAims.length === 0, result };
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
