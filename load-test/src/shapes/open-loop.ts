import { wait } from '../client/wait.js';
import type { LatencyRecorder } from './latency.js';
import type { Schedule } from './schedule.js';

export interface OpenLoopOptions {
  schedule: Schedule;
  /** Events of one request. */
  batchSize: number;
  /** Requests in flight at most; those due beyond it wait, and their waiting counts as latency. */
  maxInFlight: number;
  /** Sends events `[first, first + count)`. Must not reject. */
  send(first: number, count: number): Promise<void>;
  /** From the instant a request was due to its answer: what a user would have waited. */
  latency: LatencyRecorder;
  /** From the instant a request was really sent to its answer. */
  serviceTime: LatencyRecorder;
  /** Called with each latency as it is recorded, milliseconds. */
  onAnswered?: ((latencyMs: number) => void) | undefined;
  signal?: AbortSignal;
  /** Milliseconds from any fixed point. Default performance.now. */
  now?: () => number;
  /** Default setTimeout. */
  sleep?: (delayMs: number, signal?: AbortSignal) => Promise<void>;
}

export interface OpenLoopResult {
  /** Events handed to `send`. */
  sent: number;
  requests: number;
  elapsedMs: number;
  /** How late the latest request was sent, milliseconds: large values mean this machine could not keep the schedule. */
  worstLagMs: number;
}

/**
 * Sends on a schedule that does not wait for answers. A server that stalls for a second gets the requests of that second
 * all the same, each with its waiting time counted from when it was due; a loop that waits for every answer before the
 * next request would leave those out and show a server faster than its users see it (coordinated omission).
 */
export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { schedule, batchSize, maxInFlight, latency, serviceTime, signal } = options;
  const now = options.now ?? (() => performance.now());
  const sleep = options.sleep ?? wait;
  const startedAt = now();
  const result: OpenLoopResult = { sent: 0, requests: 0, elapsedMs: 0, worstLagMs: 0 };
  const inFlight = new Set<Promise<void>>();
  const isStopped = (): boolean => signal?.aborted === true;
  let onAnswer: (() => void) | undefined;

  for (let first = 0; first < schedule.total && !isStopped(); first += batchSize) {
    const count = Math.min(batchSize, schedule.total - first);
    // A request can leave when the last of its events has happened.
    const dueAt = startedAt + schedule.dueAt(first + count - 1);
    // Timers are a millisecond coarse: what is due within one is due now.
    for (let early = dueAt - now(); early >= 1 && !isStopped(); early = dueAt - now()) {
      await sleep(early, signal);
    }
    while (inFlight.size >= maxInFlight) {
      await new Promise<void>((resolve) => {
        onAnswer = resolve;
      });
    }
    if (isStopped()) break;

    const sentAt = now();
    result.worstLagMs = Math.max(result.worstLagMs, sentAt - dueAt);
    result.sent += count;
    result.requests++;
    const request = options.send(first, count).then(() => {
      const answeredAt = now();
      latency.record(answeredAt - dueAt);
      options.onAnswered?.(answeredAt - dueAt);
      serviceTime.record(answeredAt - sentAt);
      inFlight.delete(request);
      onAnswer?.();
    });
    inFlight.add(request);
  }
  await Promise.all(inFlight);
  result.elapsedMs = now() - startedAt;
  return result;
}
