import { ERRORS, SluiceError, type ErrorCode, type Problem } from '@sluice/contracts';

interface FastifyLikeError {
  code?: string;
  statusCode?: number;
  message: string;
  validation?: readonly { instancePath?: string; message?: string }[];
  validationContext?: string;
}

/** Fastify's own errors that have a code in our table. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'invalid_request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_UNDER_PRESSURE: 'overloaded',
};

/**
 * Any error as problem details (RFC 9457). An error that is not ours or a client's becomes `internal_error` without its
 * text: what went wrong inside is for the log, not for the wire.
 */
export function problemOf(error: unknown, requestId?: string): Problem {
  if (error instanceof SluiceError) return problem(error.code, error.message, error.field, requestId);
  const known = error as Partial<FastifyLikeError> | null;
  if (known?.validation !== undefined) {
    const issues = known.validation.map((issue) => ({
      field: issue.instancePath === undefined || issue.instancePath === '' ? '/' : issue.instancePath,
      message: issue.message ?? 'is not valid',
    }));
    const first = issues[0];
    const text = first === undefined ? ERRORS.invalid_request.text : `${first.field}: ${first.message}`;
    return { ...problem('invalid_request', text, first?.field, requestId), issues };
  }
  const mapped = known?.code === undefined ? undefined : FASTIFY_CODES[known.code];
  if (mapped !== undefined) return problem(mapped, undefined, undefined, requestId);
  const status = known?.statusCode;
  if (status === 429) return problem('rate_limited', undefined, undefined, requestId);
  if (status === 413) return problem('body_too_large', undefined, undefined, requestId);
  if (status !== undefined && status >= 400 && status < 500) {
    return { ...problem('invalid_request', known?.message, undefined, requestId), status };
  }
  return problem('internal_error', undefined, undefined, requestId);
}

function problem(code: ErrorCode, message: string | undefined, field?: string, requestId?: string): Problem {
  const definition = ERRORS[code];
  const detail = message ?? definition.text;
  return {
    type: `urn:sluice:error:${code}`,
    title: definition.text,
    status: definition.status,
    detail,
    ...(requestId === undefined ? {} : { instance: requestId }),
    code,
    message: detail,
    error: code,
    ...(field === undefined ? {} : { field }),
    retryable: definition.retryable,
  };
}
