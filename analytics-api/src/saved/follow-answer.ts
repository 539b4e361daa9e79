import { SluiceError, type Query, type QueryAnswer } from '@sluice/contracts';
import { problemOf } from '@sluice/service-kit';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiContext } from '../api-context.js';
import { answerQuery } from '../ask/answer-query.js';
import { readDataView, type RequestOptions } from '../ask/run-request.js';
import { answerVersion } from './answer-version.js';

/** What a stream of answers says: an answer, a fault, or that it is alive. */
export type AnswerItem =
  | { kind: 'answer'; answer: QueryAnswer; version: string }
  | { kind: 'problem'; problem: ReturnType<typeof problemOf> }
  | { kind: 'alive' };

/**
 * Answers a question, and again whenever its answer may have changed. Nothing is asked before the consumer wants it; between
 * two answers it rests for as long as the last one took, and at least `config.liveAnswerMs`, so that streams never take more
 * than half of what answers cost. A fault that may pass is said and tried again after the heartbeat; any other ends the
 * stream, as the signal does.
 *
 * @param known The version that the client has already.
 */
export async function* followAnswer(
  query: Query,
  known: string | undefined,
  options: RequestOptions,
  context: ApiContext,
): AsyncGenerator<AnswerItem> {
  const { config } = context;
  const { signal } = options;
  let said = known;
  let quietSince = performance.now();
  let restUntil = 0;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    const startedAt = performance.now();
    if (startedAt >= restUntil) {
      try {
        // Read before the answer: should more arrive in between, one answer is said twice, and none is missed.
        const version = answerVersion(query, 'live', await readDataView(query, options, signal, context));
        if (version !== said) {
          const answer = await answerQuery(query, options, context);
          yield { kind: 'answer', answer, version };
          said = version;
          quietSince = performance.now();
          restUntil = quietSince + Math.max(config.liveAnswerMs, quietSince - startedAt);
        }
      } catch (error) {
        if (isOver()) return;
        yield { kind: 'problem', problem: problemOf(error) };
        if (!(error instanceof SluiceError) || !error.retryable) return;
        quietSince = performance.now();
        restUntil = quietSince + config.liveHeartbeatMs;
      }
    }
    if (performance.now() - quietSince >= config.liveHeartbeatMs) {
      quietSince = performance.now();
      yield { kind: 'alive' };
    }
    await pause(config.livePollMs, signal);
  }
}

/** Answers as server-sent events; the id of one is its version, by which a client that reconnects is not told it again. */
export async function* encodeAnswers(items: AsyncIterable<AnswerItem>): AsyncGenerator<string> {
  yield 'retry: 2000\n\n';
  for await (const item of items) {
    if (item.kind === 'alive') yield ': alive\n\n';
    else if (item.kind === 'problem') yield `event: problem\ndata: ${JSON.stringify(item.problem)}\n\n`;
    else yield `event: answer\nid: ${item.version}\ndata: ${JSON.stringify(item.answer)}\n\n`;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    // Aborted: the loop sees it.
  }
}
