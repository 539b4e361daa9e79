import type { Logger } from '@sluice/service-kit';
import type pg from 'pg';
import { deliver, type DeliveryTools } from './deliver.js';
import {
  claimDue,
  disableChannel,
  noteDelivered,
  noteFailed,
  noteRetry,
  type ClaimedNotification,
} from './outbox.js';
import { MAX_ATTEMPTS, pauseAfter, type Outcome } from './outcome.js';
import { queueDigests } from './queue-digests.js';

export interface NotifierOptions {
  pool: pg.Pool;
  logger: Logger;
  tools: DeliveryTools;
  /** Called with what became of each attempt. */
  onOutcome?: (channelKind: string, outcome: Outcome['kind']) => void;
  /** Numbers of [0, 1). Default Math.random. */
  random?: () => number;
}

/** Deliveries at once. */
const AT_ONCE = 8;
const LEASE_GRACE_MS = 30_000;

/**
 * Makes one attempt for each of some notifications that are due; resolves with how many. Each is delivered at least once: a
 * worker that dies between the receiver's answer and noting it sends again, under the same id.
 */
export async function notifyDue(options: NotifierOptions): Promise<number> {
  const { pool, tools, random = Math.random } = options;
  const claimed = await claimDue(pool, {
    nowMs: tools.now(),
    leaseMs: tools.timeoutMs + LEASE_GRACE_MS,
    most: AT_ONCE,
  });
  await Promise.all(claimed.map((one) => attempt(one, { ...options, random })));
  return claimed.length;
}

async function attempt(
  claimed: ClaimedNotification,
  options: NotifierOptions & { random: () => number },
): Promise<void> {
  const { pool, logger, tools, random } = options;
  const outcome = await deliver(claimed, tools);
  options.onOutcome?.(claimed.channelKind, outcome.kind);
  const about = {
    notificationId: claimed.notificationId,
    channelId: claimed.channelId,
    attempt: claimed.attempt,
  };
  const nowMs = tools.now();
  switch (outcome.kind) {
    case 'delivered':
      await noteDelivered(pool, claimed, nowMs);
      logger.info(about, 'a notification was delivered');
      return;
    case 'gone':
      await disableChannel(pool, claimed, outcome.error);
      await noteFailed(pool, claimed, { nowMs, error: outcome.error });
      logger.warn(
        { ...about, error: outcome.error },
        'a receiver wants nothing any more; its channel is off',
      );
      return;
    case 'refused':
      await noteFailed(pool, claimed, { nowMs, error: outcome.error });
      logger.warn({ ...about, error: outcome.error }, 'a notification cannot be delivered');
      return;
    case 'retry': {
      // An attempt that was broken off because the worker stops is no reason to give up.
      if (claimed.attempt >= MAX_ATTEMPTS && !tools.stopping.aborted) {
        await noteFailed(pool, claimed, { nowMs, error: outcome.error });
        logger.error({ ...about, error: outcome.error }, 'a notification is given up');
        return;
      }
      const pauseMs = pauseAfter(claimed.attempt, { random, retryAfterMs: outcome.retryAfterMs });
      await noteRetry(pool, claimed, { atMs: nowMs + pauseMs, error: outcome.error });
      logger.warn({ ...about, error: outcome.error, pauseMs }, 'a notification is tried again');
    }
  }
}

export interface Notifier {
  /** Makes no further attempt and waits for those under way. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
const DIGESTS_EVERY_MS = 60_000;

/** Looks for due notifications every second, at once again while there are more; for due digests every minute. */
export function startNotifier(options: NotifierOptions): Notifier {
  let stopping = false;
  let wake: () => void = () => undefined;
  let digestsAtMs = -Infinity;

  async function run(): Promise<void> {
    while (!stopping) {
      try {
        const nowMs = options.tools.now();
        if (nowMs - digestsAtMs >= DIGESTS_EVERY_MS) {
          await queueDigests(options.pool, nowMs);
          digestsAtMs = nowMs;
        }
        if ((await notifyDue(options)) > 0) continue;
      } catch (error) {
        options.logger.warn({ err: error }, 'notifications could not be looked for');
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (stopping) wake();
      });
    }
  }

  const running = run();
  return {
    async stop() {
      stopping = true;
      wake();
      await running;
    },
  };
}
