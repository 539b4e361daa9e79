import { protocolErrorsCodesById, ResponseError } from '@platformatic/kafka';

/** Kafka's name of an error code, `NONE` for 0. */
export function errorName(code: number): string {
  return protocolErrorsCodesById[code] ?? `error ${code}`;
}

/** The names of the error codes that an answer carries; empty when the request got no answer. */
export function errorNamesOf(error: unknown): string[] {
  if (!(error instanceof ResponseError)) return [];
  return error.errors.map((inner) => String((inner as { apiId?: unknown }).apiId));
}

/** The answer that carried the error codes. */
export function responseOf(error: unknown): unknown {
  return error instanceof ResponseError ? (error as { response?: unknown }).response : undefined;
}
