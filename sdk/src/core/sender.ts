import type { Outbox, StoredMessage } from './outbox.js';
import { readVerdicts, type Breaker } from './retry-policy.js';
import type { Timers } from './timers.js';
import type { Transport } from './transport.js';
import type { DeliveryReport, FlushResult } from './types.js';

export interface SenderOptions {
  outbox: Outbox;
  transport: Transport;
  timers: Timers;
  breaker: Breaker;
  writeKey: string;
  /** Messages of one request at most. */
  flushAt: number;
  /** Bytes of messages in one request at most. Default 60,000: a browser lets so much outlive its page. */
  maxBatchBytes?: number;
  flushIntervalMs: number;
  /** How long an answer may take. Default 10 s. */
  timeoutMs?: number;
  /** How long a message counts as in the air when its sender is heard of no more. Default 15 s. */
  leaseMs?: number;
  /** Runs work while nobody else sends from the same outbox. Default: at once. */
  exclusive?: (work: () => Promise<void>) => Promise<unknown>;
  isOnline?: () => boolean;
  onReports: (reports: DeliveryReport[]) => void;
  onError: (error: unknown) => void;
}

/**
 * Brings messages from the outbox to the server.
 *
 *     idle ──wake──▶ gathering ──interval or flushAt──▶ draining: (lease ▶ send ▶ verdicts)* ──empty──▶ idle
 *                                                          └─no verdict─▶ waiting, as the breaker says ─▶ draining
 *
 * A message is removed only for its verdict. What was leased and got none is freed when the request is known to have
 * ended, else when the lease runs out.
 */
export interface Sender {
  /** Something was appended, or may be there. */
  wake(): void;
  /** Sends what this page appended within this call, up to `bytes`; for a page that may end now. */
  sendNow(bytes: number): void;
  flush(timeoutMs?: number): Promise<FlushResult>;
  /** The page is going: what is in the air is not judged a failure, and nothing new starts until `resume`. */
  suspend(): void;
  resume(): void;
}

const MAX_BATCH_BYTES = 60_000;
const TIMEOUT_MS = 10_000;
/** Longer than any request takes. */
const LEASE_MS = 15_000;
/** How long to wait before looking again when all that is left is leased elsewhere, or the device is offline. */
const LOOK_AGAIN_MS = 5_000;
const OFFLINE_MS = 60_000;
const FLUSH_TIMEOUT_MS = 10_000;

export function createSender(options: SenderOptions): Sender {
  const { outbox, timers, breaker, flushAt, flushIntervalMs, onError } = options;
  const { leaseMs = LEASE_MS, timeoutMs = TIMEOUT_MS, maxBatchBytes = MAX_BATCH_BYTES } = options;
  const { now } = timers;
  const { exclusive = (work: () => Promise<void>) => work() } = options;
  const total = { accepted: 0, rejected: 0, dropped: 0 };
  let timer: unknown;
  let dueMs = Infinity;
  let gathered = 0;
  let draining: Promise<void> | undefined;
  let isSuspended = false;

  function schedule(delayMs: number): void {
    const atMs = now() + delayMs;
    if (isSuspended || atMs >= dueMs) return;
    timers.clear(timer);
    dueMs = atMs;
    timer = timers.set(() => {
      dueMs = Infinity;
      drain().catch(onError);
    }, delayMs);
  }

  /** Milliseconds until something may be sent. */
  function waitMs(): number {
    return options.isOnline?.() === false ? OFFLINE_MS : breaker.waitMs();
  }

  function drain(): Promise<void> {
    draining ??= drainOnce().finally(() => (draining = undefined));
    return draining;
  }

  async function drainOnce(): Promise<void> {
    gathered = 0;
    const mayGoOn = (): boolean => !isSuspended && waitMs() === 0;
    if (mayGoOn()) {
      await exclusive(async () => {
        while (mayGoOn()) {
          const limit = { messages: flushAt, bytes: maxBatchBytes };
          if (!(await send(await outbox.lease(limit, now() + leaseMs)))) return;
        }
      });
    }
    if (outbox.size > 0) schedule(waitMs() || (gathered > 0 ? flushIntervalMs : LOOK_AGAIN_MS));
  }

  /** True when it makes sense to go on with the next batch. */
  async function send(messages: readonly StoredMessage[], mayEnd = false): Promise<boolean> {
    if (messages.length === 0) return false;
    const body = `{"batch":[${messages.map(({ json }) => json).join()}],"sentAt":"${new Date(now()).toISOString()}","writeKey":${JSON.stringify(options.writeKey)}}`;
    const answer = await options.transport(body, { timeoutMs, keepalive: mayEnd });
    const ids = messages.map(({ messageId }) => messageId);
    const reports = readVerdicts(answer, ids);
    if (reports === undefined) {
      // A page on its way out hears of requests that end with it, not of how they ended.
      if (isSuspended) return false;
      breaker.fail((answer as { retryAfter?: string | null }).retryAfter);
      await outbox.release(ids);
      onError(new Error('not sent', { cause: answer }));
      return false;
    }
    breaker.succeed();
    for (const { outcome } of reports) total[outcome]++;
    await outbox.remove(ids);
    options.onReports(reports);
    return true;
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => timers.set(resolve, delayMs));
  }

  async function drainUntil(deadlineMs: number): Promise<void> {
    await outbox.settled();
    for (;;) {
      await draining;
      await drain();
      const wait = waitMs();
      if (isSuspended || outbox.size === 0 || wait === 0 || now() + wait > deadlineMs) return;
      await pause(wait);
    }
  }

  return {
    wake() {
      schedule(++gathered < flushAt ? flushIntervalMs : 0);
    },
    sendNow(bytes) {
      if (waitMs() > 0 || !outbox.leaseNow) return;
      send(outbox.leaseNow({ messages: Infinity, bytes }, now() + leaseMs), true).catch(onError);
    },
    async flush(limitMs = FLUSH_TIMEOUT_MS) {
      const { accepted, rejected } = total;
      await Promise.race([drainUntil(now() + limitMs).catch(onError), pause(limitMs)]);
      return {
        accepted: total.accepted - accepted,
        rejected: total.rejected - rejected,
        waiting: outbox.size,
      };
    },
    suspend() {
      isSuspended = true;
      timers.clear(timer);
      dueMs = Infinity;
    },
    resume() {
      isSuspended = false;
      schedule(flushIntervalMs);
    },
  };
}
