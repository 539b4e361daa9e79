import type { IngestAnswer } from '@sluice/contracts';
import type { GatewayClient } from './gateway-client.js';
import { wait } from './wait.js';

export interface DeliverOptions {
  /** Gives up after this long, milliseconds. Default: never. */
  giveUpAfterMs?: number;
  /** Between 0 and 1; spreads the retries. Default Math.random. */
  random?: () => number;
  signal?: AbortSignal;
  onRetry?: (reason: string) => void;
}

export type Delivery =
  | { kind: 'delivered'; answer: IngestAnswer; attempts: number }
  | { kind: 'refused'; status: number; reason: string; attempts: number }
  | { kind: 'gave-up'; reason: string; attempts: number };

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2_000;

/**
 * Sends a body until the gateway's verdict on it is final, the way an SDK does: the same bytes, so the same messageIds,
 * again after every lost answer, 408, 429 and 5xx.
 */
export async function deliver(
  client: GatewayClient,
  body: string | Uint8Array,
  options: DeliverOptions = {},
): Promise<Delivery> {
  const random = options.random ?? Math.random;
  const deadline = Date.now() + (options.giveUpAfterMs ?? Number.POSITIVE_INFINITY);
  for (let attempts = 1; ; attempts++) {
    const outcome = await client.send(body);
    if (outcome.kind === 'answered') return { kind: 'delivered', answer: outcome.answer, attempts };
    if (outcome.kind === 'refused' && !isRetryable(outcome.status)) {
      return { kind: 'refused', status: outcome.status, reason: outcome.reason, attempts };
    }
    const backoffMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1)) * (0.5 + random());
    const delayMs = outcome.kind === 'refused' ? (outcome.retryAfterMs ?? backoffMs) : backoffMs;
    if (options.signal?.aborted === true || Date.now() + delayMs > deadline) {
      return { kind: 'gave-up', reason: outcome.reason, attempts };
    }
    options.onRetry?.(outcome.reason);
    await wait(delayMs, options.signal);
  }
}

function isRetryable(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
