/**
 * The one table of errors: every code Sluice answers with, its HTTP status, whether sending the same thing again can
 * help, and its text. Clients decide from this table, servers answer from it.
 *
 * Codes that Segment's tracking API documents keep Segment's spelling.
 */
export const ERRORS = {
  // The request as a whole
  invalid_json: e(400, false, 'The body is not valid JSON.'),
  invalid_utf8: e(400, false, 'The body is not valid UTF-8.'),
  invalid_body: e(400, false, 'The body must be a JSON object.'),
  invalid_request: e(400, false, 'The request does not have the expected form.'),
  empty_batch: e(400, false, 'The batch holds no messages.'),
  batch_not_array: e(400, false, '`batch` must be an array of messages.'),
  invalid_encoding: e(400, false, 'The body could not be decompressed with its Content-Encoding.'),
  unsupported_encoding: e(415, false, 'This Content-Encoding is not supported.'),
  body_too_large: e(413, false, 'The body is larger than the limit.'),
  inflated_body_too_large: e(413, false, 'The decompressed body is larger than the limit.'),
  request_timeout: e(408, true, 'The body did not arrive in time.'),
  missing_write_key: e(401, false, 'The request carries no write key.'),
  project_not_found: e(401, false, 'The write key is unknown.'),
  source_disabled: e(401, false, 'The write key has been revoked.'),
  origin_not_allowed: e(403, false, 'This write key does not accept events from this origin.'),
  missing_api_key: e(401, false, 'The request carries no API key.'),
  invalid_api_key: e(401, false, 'The API key is unknown or revoked.'),
  insufficient_scope: e(403, false, 'The API key does not have the scope this needs.'),
  not_found: e(404, false, 'There is nothing here.'),
  method_not_allowed: e(405, false, 'This address does not accept this method.'),
  rate_limited: e(429, true, 'Too many requests.'),
  overloaded: e(503, true, 'The server is busy.'),
  log_unavailable: e(503, true, 'The event log cannot take events now and the spool is full.'),
  store_unavailable: e(503, true, 'A store this answer needs is unavailable.'),
  shutting_down: e(503, true, 'The server is shutting down.'),
  internal_error: e(500, true, 'Something went wrong on our side.'),

  // One message
  message_not_object: e(400, false, 'A message must be a JSON object.'),
  unknown_type: e(400, false, '`type` must be one of track, identify, page, screen, group, alias.'),
  no_user_anon_id: e(400, false, 'A message needs a userId or an anonymousId.'),
  invalid_id: e(400, false, 'An id must be a non-empty string or a number.'),
  id_too_long: e(400, false, 'An id is longer than the limit.'),
  event_not_defined: e(400, false, 'A track message needs an `event`.'),
  event_not_string: e(400, false, '`event` must be a non-empty string.'),
  name_not_string: e(400, false, 'A name must be a string.'),
  name_too_long: e(400, false, 'A name is longer than the limit.'),
  properties_not_object: e(400, false, '`properties` must be an object.'),
  traits_not_object: e(400, false, '`traits` must be an object.'),
  context_not_object: e(400, false, '`context` must be an object.'),
  integrations_not_object: e(400, false, '`integrations` must be an object.'),
  group_id_missing: e(400, false, 'A group message needs a groupId.'),
  previous_id_missing: e(400, false, 'An alias message needs a previousId.'),
  invalid_timestamp: e(400, false, 'A timestamp must be an ISO 8601 date and time.'),
  timestamp_out_of_range: e(400, false, 'A timestamp is too far in the past or in the future.'),
  message_too_large: e(400, false, 'A message is larger than the limit.'),
  too_many_messages: e(400, false, 'The batch holds more messages than the limit.'),
  invalid_string: e(400, false, 'A string holds a NUL character or a lone surrogate.'),
  forbidden_key: e(400, false, 'A key named __proto__ is not accepted.'),
  too_deep: e(400, false, 'The message is nested more deeply than the limit.'),
  number_out_of_range: e(400, false, 'A number lies beyond what can be kept exactly; send it as a string.'),
  plan_violation: e(400, false, 'The message does not follow the tracking plan.'),
  undecodable_record: e(400, false, 'The log record could not be decoded.'),
  unlandable_message: e(400, false, 'The message could not be stored.'),

  // Questions
  invalid_query: e(400, false, 'The query does not have the expected form.'),
  invalid_timezone: e(400, false, 'The time zone is not a known IANA zone.'),
  invalid_date_range: e(400, false, 'The date range is empty or malformed.'),
  invalid_watermark: e(400, false, 'The watermark is malformed.'),
  too_many_buckets: e(400, false, 'The range holds more buckets than the limit.'),
  watermark_timeout: e(504, true, 'The events up to the watermark were not queryable in time.'),
  query_timeout: e(504, true, 'The query took longer than its limit.'),
  query_too_large: e(400, false, 'The query would use more memory or rows than its limit.'),
  query_failed: e(500, true, 'The query failed.'),
  query_cancelled: e(409, false, 'The query was cancelled.'),
  budget_exceeded: e(429, true, 'This key has read as many rows as it may in this hour.'),
  cohort_not_found: e(404, false, 'No such cohort.'),
  saved_query_not_found: e(404, false, 'No such saved query.'),
  invalid_parameter: e(
    400,
    false,
    'A parameter of the saved query is missing, unknown or of the wrong type.',
  ),
  watch_not_found: e(404, false, 'No such watch.'),
  too_many_watches: e(409, false, 'The project has as many watches as it may have.'),
  anomaly_not_found: e(404, false, 'No such anomaly.'),
  anomaly_not_open: e(409, false, 'The anomaly is not open, so this does not apply to it.'),
  series_retired: e(409, false, 'The series of the anomaly is not watched any more.'),
  channel_not_found: e(404, false, 'No such notification channel.'),
  channel_disabled: e(409, false, 'The notification channel is turned off.'),
  too_many_channels: e(409, false, 'The project has as many notification channels as it may have.'),
  annotation_not_found: e(404, false, 'No such annotation.'),
  receipt_not_found: e(404, true, 'No receipt for this message: it is unknown or still on its way.'),
  user_not_found: e(404, false, 'No such user.'),
  churn_not_scored: e(409, false, 'The people of this project have no churn scores yet.'),
  churn_run_gone: e(410, false, 'The scores that this page goes on from are gone: begin again.'),
} as const satisfies Record<string, ErrorDefinition>;

export interface ErrorDefinition {
  /** HTTP status of an answer that fails with this code. */
  status: number;
  /** True when sending the same thing again later can succeed. */
  retryable: boolean;
  /** One sentence for people. */
  text: string;
}

export type ErrorCode = keyof typeof ERRORS;

function e(status: number, retryable: boolean, text: string): ErrorDefinition {
  return { status, retryable, text };
}

/** A fault with a code from the table. `field` is a JSON pointer (RFC 6901) into what was sent. */
export interface Fault {
  code: ErrorCode;
  /** The reason, in words that name what was found. Defaults to the table's text. */
  message: string;
  field?: string | undefined;
}

export function fault(code: ErrorCode, message?: string, field?: string): Fault {
  return { code, message: message ?? ERRORS[code].text, ...(field === undefined ? {} : { field }) };
}

/** A fault that ends a request. HTTP services turn it into a problem-details answer. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  /** Seconds after which a retry makes sense; answered as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    options: { message?: string; field?: string; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(options.message ?? ERRORS[code].text, { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.field = options.field;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
