/**
 * The codes of the table of errors after which sending the same thing again can help; a module of its own, so that a
 * browser need not carry the table.
 */
export const RETRYABLE_CODES: readonly string[] = [
  'request_timeout',
  'rate_limited',
  'overloaded',
  'log_unavailable',
  'store_unavailable',
  'shutting_down',
  'internal_error',
  'watermark_timeout',
  'query_timeout',
  'query_failed',
  'receipt_not_found',
];
