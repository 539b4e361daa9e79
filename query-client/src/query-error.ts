import type { ErrorCode, Problem } from '@sluice/contracts';
import { isRetryableStatus } from '@sluice/contracts/retryable';

/** A code of the API's table, or what happened before there was an answer of it. */
export type QueryErrorCode = ErrorCode | 'timeout' | 'network_error' | 'unexpected_answer';

interface Said {
  status?: number | undefined;
  field?: string | undefined;
  retryable: boolean;
  retryAfter?: number | undefined;
  requestId?: string | undefined;
  cause?: unknown;
}

/** Why there is no answer. */
export class QueryError extends Error {
  readonly code: QueryErrorCode;
  /** HTTP status; undefined when there was no answer at all. */
  readonly status: number | undefined;
  /** What in the request is at fault: a JSON pointer, or the name of a header. */
  readonly field: string | undefined;
  /** Whether asking the same again can help. */
  readonly retryable: boolean;
  /** Seconds after which it can. */
  readonly retryAfter: number | undefined;
  /** Id of the request in the logs of the server. */
  readonly requestId: string | undefined;

  constructor(code: QueryErrorCode, message: string, said: Said) {
    super(message, { cause: said.cause });
    this.name = 'QueryError';
    this.code = code;
    this.status = said.status;
    this.field = said.field;
    this.retryable = said.retryable;
    this.retryAfter = said.retryAfter;
    this.requestId = said.requestId;
  }
}

/** The error that an answer is. What does not come from the API, such as the page of a proxy, is told from its status. */
export async function errorOf(response: Response): Promise<QueryError> {
  const { status } = response;
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  const problem = await readProblem(response);
  if (problem === undefined) {
    const retryable = isRetryableStatus(status);
    return new QueryError('unexpected_answer', `The answer has the status ${status}.`, {
      status,
      retryable,
      retryAfter,
    });
  }
  return problemError(problem, retryAfter);
}

export function problemError(problem: Problem, retryAfter?: number): QueryError {
  return new QueryError(problem.code, problem.message, {
    status: problem.status,
    field: problem.field,
    retryable: problem.retryable,
    retryAfter,
    requestId: problem.instance,
  });
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  try {
    const body = (await response.json()) as Partial<Problem> | null;
    return typeof body?.code === 'string' && typeof body.retryable === 'boolean'
      ? (body as Problem)
      : undefined;
  } catch {
    return undefined;
  }
}
