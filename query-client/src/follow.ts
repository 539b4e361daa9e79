import type { Problem } from '@sluice/contracts';
import { problemError, QueryError } from './query-error.js';
import { toQueryError, wait, type Call, type Sender } from './send.js';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.js';

export interface FollowOptions {
  /** Ends the stream. */
  signal?: AbortSignal | undefined;
  /** Where an earlier stream ended. */
  lastEventId?: string | undefined;
  sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;

/**
 * Follows a stream for as long as it is listened to: where the connection ends, it goes on from the last event with an id.
 * Ends when the signal aborts. @throws QueryError for what no new connection can help.
 */
export async function* follow(
  sender: Sender,
  call: Call,
  { signal = new AbortController().signal, lastEventId, sleep = wait }: FollowOptions,
): AsyncGenerator<ServerSentEvent> {
  let last = lastEventId;
  let failures = 0;
  while (!signal.aborted) {
    let retryAfter: number | undefined;
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(last === undefined ? {} : { 'last-event-id': last }),
      };
      const response = await sender.open({ ...call, headers }, signal);
      if (response.body === null)
        throw new QueryError('unexpected_answer', 'The stream is empty.', { retryable: false });
      for await (const event of readServerSentEvents(response.body)) {
        failures = 0;
        if (event.event === 'problem') {
          const error = problemError(JSON.parse(event.data) as Problem);
          if (!error.retryable) throw error;
          continue;
        }
        yield event;
        last = event.id ?? last;
      }
    } catch (error) {
      if (isOver(signal)) return;
      const known = toQueryError(error);
      if (!known.retryable) throw known;
      retryAfter = known.retryAfter;
    }
    if (isOver(signal)) return;
    const waitMs =
      retryAfter === undefined ? Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) : retryAfter * 1_000;
    failures += 1;
    await sleep(waitMs, signal).catch(() => undefined);
  }
}

const isOver = (signal: AbortSignal): boolean => signal.aborted;
