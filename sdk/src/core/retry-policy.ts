import { isRetryableStatus } from '@sluice/contracts/retryable';
import type { Timers } from './timers.js';
import type { TransportAnswer } from './transport.js';
import type { DeliveryReport } from './types.js';

const BASE_MS = 4_000;
const MAX_WAIT_MS = 300_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

/** What the gateway says of a request, or of one message of it. */
interface Fault {
  messageId?: string | null;
  code: string;
  field?: string | null;
  message?: string;
}

type GatewayBody = Partial<Fault> & {
  success?: boolean;
  durability?: 'log' | 'disk';
  rejected?: Fault[];
  retryable?: boolean;
};

/**
 * The verdict of each message of a request; undefined when the answer decides nothing and the messages are to be sent
 * again. Only what the gateway itself says is a verdict: an answer without its JSON comes from something in between (a
 * proxy, a captive portal), whatever its status.
 */
export function readVerdicts(
  answer: TransportAnswer,
  messageIds: readonly string[],
): DeliveryReport[] | undefined {
  if (answer.kind === 'failed') return undefined;
  let body: GatewayBody;
  try {
    body = (JSON.parse(answer.body) ?? {}) as GatewayBody;
  } catch {
    return undefined;
  }
  const { status } = answer;
  const isJudged = status === 200 && body.success !== undefined;
  const isRefused = status >= 400 && body.code && !body.retryable && !isRetryableStatus(status);
  if (!isJudged && !isRefused) return undefined;
  return messageIds.map((messageId) => {
    const fault = isJudged ? body.rejected?.find((one) => one.messageId === messageId) : (body as Fault);
    if (!fault) return { outcome: 'accepted', messageId, durability: body.durability ?? 'log' };
    const { code, field = null, message = code } = fault;
    return { outcome: 'rejected', messageId, code, field, message };
  });
}

/**
 * How long to wait after the nth failure in a row, milliseconds; `random` in [0, 1). What the server asks for, else exponential; in both the
 * jitter comes on top, in the latter over the whole width of the wait: clients spread out, and two waits never fall short
 * of 12 s. A browser may repeat a request by itself when its connection is reset; even so an outage of 12 s sees three.
 */
export function waitAfter(
  failures: number,
  retryAfter: string | null | undefined,
  nowMs: number,
  random: number,
): number {
  const seconds = Number(retryAfter);
  const askedMs = isNaN(seconds) ? Date.parse(retryAfter!) - nowMs : seconds * 1_000;
  if (askedMs > 0) return Math.min(askedMs, MAX_RETRY_AFTER_MS) + random * 1_000;
  return Math.min(BASE_MS * 2 ** (failures - 1), MAX_WAIT_MS) * (1 + random);
}

/** Failures in a row, and until when nobody is to send. */
export interface BreakerState {
  failures: number;
  openUntilMs: number;
}

/** Where the breaker's state is kept: shared by all who send from one outbox, where that can be. */
export interface BreakerStore {
  read(): BreakerState;
  write(state: BreakerState): void;
}

export interface Breaker {
  /** Milliseconds until the next request may be sent; 0: now. */
  waitMs(): number;
  /** `retryAfter` as the server sent it, if it did. */
  fail(retryAfter: string | null | undefined): void;
  succeed(): void;
}

export const CLOSED: BreakerState = { failures: 0, openUntilMs: 0 };

/** Opens with the first failure, lets one request try when the wait is over, and closes with the first answer. */
export function createBreaker(
  { now }: Pick<Timers, 'now'>,
  random: () => number,
  store: BreakerStore,
): Breaker {
  return {
    waitMs() {
      const waitMs = store.read().openUntilMs - now();
      // A clock that was set back must not keep the breaker open.
      return waitMs > 0 && waitMs < 2 * MAX_RETRY_AFTER_MS ? waitMs : 0;
    },
    fail(retryAfter) {
      const failures = store.read().failures + 1;
      store.write({ failures, openUntilMs: now() + waitAfter(failures, retryAfter, now(), random()) });
    },
    succeed() {
      if (store.read().failures > 0) store.write(CLOSED);
    },
  };
}

export function createBreakerMemory(): BreakerStore {
  let state = CLOSED;
  return { read: () => state, write: (next) => void (state = next) };
}
