import { RETRYABLE_CODES } from '@sluice/contracts/retryable';
import type { Timers } from './timers.js';
import type { TransportAnswer } from './transport.js';

const BASE_MS = 2_000;
const MAX_WAIT_MS = 300_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

export interface Rejection {
  messageId: string | null;
  code: string;
  field: string | null;
  message: string;
}

/** What an answer means for the messages of its request. */
export type Verdict =
  /** Each message has its verdict: accepted, unless it is among the rejected. */
  | { kind: 'judged'; durability: 'log' | 'disk'; rejected: readonly Rejection[] }
  /** The request as a whole is refused, and would be again. */
  | { kind: 'refused'; code: string; field: string | null; message: string }
  /** Nothing is decided; `retryAfter` as the server sent it. */
  | { kind: 'retry'; retryAfter: string | null; reason: string };

/**
 * Reads an answer. Only what the gateway itself says is a verdict: an answer without its JSON comes from something in
 * between (a proxy, a captive portal), whatever its status, and is tried again.
 */
export function readVerdict(answer: TransportAnswer): Verdict {
  if (answer.kind === 'failed') return { kind: 'retry', retryAfter: null, reason: answer.reason };
  const { status, retryAfter } = answer;
  const body = parseObject(answer.body);
  if (status === 200 && typeof body['success'] === 'boolean') {
    return {
      kind: 'judged',
      durability: body['durability'] === 'disk' ? 'disk' : 'log',
      rejected: Array.isArray(body['rejected']) ? (body['rejected'] as Rejection[]) : [],
    };
  }
  const { code, message, field, retryable } = body;
  if (status < 400 || typeof code !== 'string' || retryable === true || isRetryable(code)) {
    return { kind: 'retry', retryAfter, reason: `HTTP ${status}` };
  }
  return {
    kind: 'refused',
    code,
    field: typeof field === 'string' ? field : null,
    message: typeof message === 'string' ? message : code,
  };
}

export function isRetryable(code: string): boolean {
  return RETRYABLE_CODES.includes(code);
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not the gateway's.
  }
  return {};
}

/**
 * How long to wait after the nth failure in a row, milliseconds. What the server asks for, else exponential; in both the
 * jitter comes on top, over the whole width of the wait: clients spread out, and three waits never fall short of 14 s.
 */
export function waitAfter(
  failures: number,
  retryAfter: string | null,
  { now, random }: { now: () => number; random: () => number },
): number {
  const asked = readRetryAfter(retryAfter, now());
  if (asked !== undefined) return asked + random() * Math.min(asked, 1_000);
  return Math.min(BASE_MS * 2 ** (failures - 1), MAX_WAIT_MS) * (1 + random());
}

function readRetryAfter(retryAfter: string | null, nowMs: number): number | undefined {
  if (!retryAfter) return undefined;
  const ms = /^\s*\d+\s*$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - nowMs;
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
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
  fail(retryAfter: string | null): void;
  succeed(): void;
}

const CLOSED: BreakerState = { failures: 0, openUntilMs: 0 };

/** Opens with the first failure, lets one request try when the wait is over, and closes with the first answer. */
export function createBreaker(
  timers: Pick<Timers, 'now'>,
  random: () => number,
  store: BreakerStore = createBreakerMemory(),
): Breaker {
  return {
    waitMs() {
      const { openUntilMs } = store.read();
      const waitMs = openUntilMs - timers.now();
      // A clock that was set back must not keep the breaker open.
      return waitMs > 2 * MAX_RETRY_AFTER_MS ? 0 : Math.max(0, waitMs);
    },
    fail(retryAfter) {
      const failures = store.read().failures + 1;
      const waitMs = waitAfter(failures, retryAfter, { now: () => timers.now(), random });
      store.write({ failures, openUntilMs: timers.now() + waitMs });
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
