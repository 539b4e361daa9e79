/**
 * Whether sending the same thing again can help after an answer of the gateway with an HTTP status; a module of its own,
 * so that a browser need not carry the table of errors, which a test holds it against.
 */
export function isRetryableStatus(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}
