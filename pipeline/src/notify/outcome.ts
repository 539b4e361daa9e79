/** What became of one attempt to deliver. */
export type Outcome =
  | { kind: 'delivered' }
  /** The receiver may take it later. */
  | { kind: 'retry'; error: string; retryAfterMs?: number | undefined }
  /** The receiver will never take this one. */
  | { kind: 'refused'; error: string }
  /** The receiver wants nothing any more. */
  | { kind: 'gone'; error: string };

export const OUTCOMES = ['delivered', 'retry', 'refused', 'gone'] as const satisfies Outcome['kind'][];

/** Attempts over about a day. */
export const MAX_ATTEMPTS = 12;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 4 * 3_600_000;
/** What a receiver may ask for at most. */
const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * Pause before the attempt after the n-th: from 5 s it doubles up to 4 h, and a random part of up to a half is taken off, so
 * that receivers that fail together are not asked together. Never shorter than what the receiver asks for.
 */
export function pauseAfter(
  attempt: number,
  { random, retryAfterMs = 0 }: { random: () => number; retryAfterMs?: number | undefined },
): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, attempt - 1));
  return Math.max(full * (1 - random() / 2), Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS));
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3): seconds or a date; undefined when it is neither. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** What an HTTP status means for a delivery. */
export function outcomeOfStatus(status: number, retryAfterMs: number | undefined): Outcome {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const error = `The receiver answered ${status}.`;
  if (status === 410) return { kind: 'gone', error };
  // A redirect is not followed: it could lead anywhere, with the signature.
  if (status >= 300 && status < 400)
    return { kind: 'refused', error: `${error} Redirects are not followed.` };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return { kind: 'retry', error, retryAfterMs };
  }
  return { kind: 'retry', error };
}
