import { fileURLToPath } from 'node:url';
import { askApi } from './queries/ask-api.js';
import { measuredQuestions, type MeasuredQuestion, type Row } from './queries/measured-questions.js';
import { openBenchInstance, samplePeopleSql, type BenchInstance } from './queries/open-instance.js';
import { PEER_SHAPES, type PeerShape } from './queries/peer-shapes.js';
import { forgetTables, selectRows } from './queries/select-rows.js';

export interface QueriesBenchOptions {
  /** Default 10 million. */
  events?: number;
  /** Default 500,000. */
  users?: number;
  /** How often one client asks. Default 5. */
  rounds?: number;
  onProgress: (text: string) => void;
  signal: AbortSignal;
}

export interface QuestionResult {
  name: string;
  /** Milliseconds of one client, whole requests by HTTP, none from memory of answers. */
  p50: number;
  p95: number;
  /** The first time, with what the engine itself remembers of the tables dropped. */
  coldMs: number;
  /** The same question again over the same data. */
  cachedMs: number;
  eightClients: { p50: number; p95: number };
  rowsRead: number;
  bytesRead: number;
  /** By hand on single events, milliseconds; null where there is no such statement. */
  byHandP50: number | null;
  /** How many times as fast the API is as the statement by hand. */
  ratio: number | null;
  /** How many times as fast an answer from memory is as the statement by hand, or where there is none, as the answer itself. */
  cachedRatio: number;
  /** Whether both give the same number; null where they have none in common. */
  agrees: boolean | null;
}

export interface PeerResult {
  question: string;
  peer: string;
  p50: number;
  /** How many times as fast the API is. */
  ratio: number;
  number: number;
  right: number;
  isRight: boolean;
}

export interface QueriesBenchResult {
  events: number;
  users: number;
  queries: QuestionResult[];
  peers: PeerResult[];
  slowerThanRaw: number;
  disagreeing: number;
}

const CLIENTS = 8;
const REQUESTS_OF_A_CLIENT = 2;
const CACHE_DIR = fileURLToPath(new URL('../../.cache/bench', import.meta.url));

/**
 * Asks the API the questions of an analyst over 60 days of made-up events, and puts the best SQL by hand, and the shapes of
 * peers, to the same tables in the same run.
 */
export async function benchQueries(options: QueriesBenchOptions): Promise<QueriesBenchResult> {
  const { events = 10_000_000, users = 500_000, rounds = 5, onProgress, signal } = options;
  const instance = await openBenchInstance({ events, users, cacheDir: CACHE_DIR, onProgress });
  try {
    const [person] = await selectRows(
      instance,
      `select actor_id as id from {db}.actors where actor_hash in (${samplePeopleSql('{db}')}) order by id limit 1`,
    );
    const queries: QuestionResult[] = [];
    const peers: PeerResult[] = [];
    for (const question of measuredQuestions({ id: String(person!['id']) })) {
      signal.throwIfAborted();
      onProgress(question.name);
      const { result, answers } = await measureQuestion(question, instance, rounds);
      queries.push(result);
      for (const shape of PEER_SHAPES.filter(({ question: name }) => name === question.name)) {
        signal.throwIfAborted();
        onProgress(shape.peer);
        peers.push(await measurePeer(shape, { instance, result, answers }));
      }
    }
    return {
      events,
      users,
      queries,
      peers,
      slowerThanRaw: queries.filter(({ ratio }) => ratio !== null && ratio < 1).length,
      disagreeing: queries.filter(({ agrees }) => agrees === false).length,
    };
  } finally {
    await instance.close();
  }
}

async function measureQuestion(
  question: MeasuredQuestion,
  instance: BenchInstance,
  rounds: number,
): Promise<{ result: QuestionResult; answers: unknown[] }> {
  const { name, byHand, agree } = question;
  await forgetTables(instance);
  const cold = await timed(1, () => askApi(question, instance, 'refresh'));
  // In turns, so that a slow stretch of the machine meets both.
  const ours: number[] = [];
  const hand: number[] = [];
  let rows: Row[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(...(await timed(1, () => askApi(question, instance, 'refresh'))).times);
    if (byHand.length === 0) continue;
    const { times, last } = await timed(1, async () => {
      const found: Row[][] = [];
      for (const sql of byHand) found.push(await selectRows(instance, sql));
      return found;
    });
    hand.push(...times);
    rows = last;
  }
  await askApi(question, instance, 'use');
  const cached = await timed(rounds, () => askApi(question, instance, 'use'));
  const together: number[] = [];
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      together.push(
        ...(await timed(REQUESTS_OF_A_CLIENT, () => askApi(question, instance, 'refresh'))).times,
      );
    }),
  );
  const answers = cold.last;
  const statistics = answers.map(
    (answer) => (answer as { statistics?: { rows_read: number; bytes_read: number } }).statistics,
  );
  const byHandP50 = byHand.length === 0 ? null : percentile(hand, 0.5);
  const p50 = percentile(ours, 0.5);
  const cachedMs = percentile(cached.times, 0.5);
  return {
    answers,
    result: {
      name,
      p50: round(p50),
      p95: round(percentile(ours, 0.95)),
      coldMs: round(cold.times[0]!),
      cachedMs: round(cachedMs),
      eightClients: { p50: round(percentile(together, 0.5)), p95: round(percentile(together, 0.95)) },
      rowsRead: statistics.reduce((sum, one) => sum + (one?.rows_read ?? 0), 0),
      bytesRead: statistics.reduce((sum, one) => sum + (one?.bytes_read ?? 0), 0),
      byHandP50: byHandP50 === null ? null : round(byHandP50),
      ratio: byHandP50 === null ? null : round(byHandP50 / p50),
      cachedRatio: round((byHandP50 ?? p50) / cachedMs),
      agrees: agree === undefined ? null : agree.api(answers) === agree.byHand(rows),
    },
  };
}

async function measurePeer(
  { question, peer, sql, number, right }: PeerShape,
  { instance, result, answers }: { instance: BenchInstance; result: QuestionResult; answers: unknown[] },
): Promise<PeerResult> {
  const { times, last } = await timed(3, () => selectRows(instance, sql));
  const p50 = percentile(times, 0.5);
  const theirs = number(last);
  const ours = right(answers);
  return {
    question,
    peer,
    p50: round(p50),
    ratio: round(p50 / result.p50),
    number: theirs,
    right: ours,
    isRight: theirs === ours,
  };
}

async function timed<T>(times: number, work: () => Promise<T>): Promise<{ times: number[]; last: T }> {
  const taken: number[] = [];
  let last: T | undefined;
  for (let turn = 0; turn < times; turn += 1) {
    const startedAt = performance.now();
    last = await work();
    taken.push(performance.now() - startedAt);
  }
  return { times: taken, last: last as T };
}

/** By the nearest rank. */
function percentile(values: readonly number[], level: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(level * sorted.length) - 1)]!;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
