import type { Outbox, StoredMessage } from './outbox.js';
import { isRetryable, readVerdict, type Breaker } from './retry-policy.js';
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
  /** Bytes of messages in one request at most. */
  maxBatchBytes: number;
  flushIntervalMs: number;
  /** How long an answer may take. */
  timeoutMs: number;
  /** How long a message counts as in the air when its sender is heard of no more. */
  leaseMs: number;
  /** Runs work while nobody else sends from the same outbox. Default: at once. */
  exclusive?: (work: () => Promise<void>) => Promise<void>;
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

/** How long to wait before looking again when all that is left is leased elsewhere, or the device is offline. */
const LOOK_AGAIN_MS = 5_000;
const OFFLINE_PROBE_MS = 60_000;
const FLUSH_TIMEOUT_MS = 10_000;

export function createSender(options: SenderOptions): Sender {
  const { outbox, transport, timers, breaker, flushAt, leaseMs, timeoutMs, onError } = options;
  const exclusive = options.exclusive ?? ((work: () => Promise<void>) => work());
  let timer: unknown;
  let dueMs = Infinity;
  let gathered = 0;
  let draining: Promise<void> | undefined;
  let isSuspended = false;
  let accepted = 0;
  let rejected = 0;
  let offlineUntilMs = 0;

  function schedule(delayMs: number): void {
    const atMs = timers.now() + delayMs;
    if (isSuspended || atMs >= dueMs) return;
    timers.clear(timer);
    dueMs = atMs;
    timer = timers.set(() => {
      dueMs = Infinity;
      drain().catch(onError);
    }, delayMs);
  }

  /** Milliseconds until something may be sent. Offline is believed for a while only: browsers err. */
  function waitMs(): number {
    const nowMs = timers.now();
    if (options.isOnline?.() !== false) offlineUntilMs = 0;
    else offlineUntilMs ||= nowMs + OFFLINE_PROBE_MS;
    return Math.max(breaker.waitMs(), offlineUntilMs - nowMs, 0);
  }

  function drain(): Promise<void> {
    draining ??= drainOnce().finally(() => (draining = undefined));
    return draining;
  }

  async function drainOnce(): Promise<void> {
    gathered = 0;
    if (waitMs() === 0) {
      await exclusive(async () => {
        while (!isSuspended && waitMs() === 0 && (await sendBatch()));
      });
    }
    if (outbox.size > 0) schedule(waitMs() || (gathered > 0 ? options.flushIntervalMs : LOOK_AGAIN_MS));
  }

  /** True when it makes sense to go on with the next batch. */
  async function sendBatch(): Promise<boolean> {
    const limit = { messages: flushAt, bytes: options.maxBatchBytes };
    const messages = await outbox.lease(limit, timers.now() + leaseMs);
    return messages.length > 0 && (await send(messages));
  }

  async function send(messages: readonly StoredMessage[]): Promise<boolean> {
    const batch = messages.map(({ json }) => json).join();
    const body = `{"batch":[${batch}],"sentAt":"${new Date(timers.now()).toISOString()}","writeKey":${JSON.stringify(options.writeKey)}}`;
    const verdict = readVerdict(await transport(body, { timeoutMs }));
    const ids = messages.map(({ messageId }) => messageId);
    if (verdict.kind === 'retry') {
      // A page on its way out hears of requests that end with it, not of how they ended.
      if (isSuspended) return false;
      breaker.fail(verdict.retryAfter);
      await outbox.release(ids);
      onError(new Error(`not sent: ${verdict.reason}`));
      return false;
    }
    breaker.succeed();
    const kept: string[] = [];
    const reports: DeliveryReport[] = [];
    if (verdict.kind === 'refused') {
      const { code, field, message } = verdict;
      for (const messageId of ids) reports.push({ outcome: 'rejected', messageId, code, field, message });
    } else {
      const faults = new Map(verdict.rejected.map((rejection) => [rejection.messageId, rejection]));
      for (const messageId of ids) {
        const fault = faults.get(messageId);
        if (fault === undefined)
          reports.push({ outcome: 'accepted', messageId, durability: verdict.durability });
        else if (isRetryable(fault.code)) kept.push(messageId);
        else {
          const { code, field, message } = fault;
          reports.push({ outcome: 'rejected', messageId, code, field, message });
        }
      }
    }
    for (const { outcome } of reports) {
      if (outcome === 'accepted') accepted++;
      else rejected++;
    }
    await outbox.remove(reports.map(({ messageId }) => messageId));
    options.onReports(reports);
    if (kept.length === 0) return true;
    breaker.fail(null);
    await outbox.release(kept);
    return false;
  }

  async function drainUntil(deadlineMs: number): Promise<void> {
    await outbox.settled();
    for (;;) {
      if (draining !== undefined) await draining;
      await drain();
      const wait = waitMs();
      if (isSuspended || outbox.size === 0 || wait === 0 || timers.now() + wait > deadlineMs) return;
      await new Promise<void>((resolve) => timers.set(resolve, wait));
    }
  }

  return {
    wake() {
      schedule(++gathered < flushAt ? options.flushIntervalMs : 0);
    },

    sendNow(bytes) {
      if (waitMs() > 0 || outbox.leaseNow === undefined) return;
      const limit = { messages: Infinity, bytes };
      const messages = outbox.leaseNow(limit, timers.now() + leaseMs);
      if (messages.length > 0) send(messages).catch(onError);
    },

    async flush(limitMs = FLUSH_TIMEOUT_MS) {
      const before = { accepted, rejected };
      let timeout: unknown;
      const tooLate = new Promise<void>((resolve) => (timeout = timers.set(resolve, limitMs)));
      await Promise.race([drainUntil(timers.now() + limitMs).catch(onError), tooLate]);
      timers.clear(timeout);
      return {
        accepted: accepted - before.accepted,
        rejected: rejected - before.rejected,
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
      schedule(options.flushIntervalMs);
    },
  };
}
