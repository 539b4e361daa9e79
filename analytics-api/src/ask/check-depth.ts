import { MAX_QUERY_DEPTH, SluiceError } from '@sluice/contracts';

/** A fault when something is nested so deeply that reading it could exhaust the stack. Does not recurse itself. */
export function checkDepth(body: unknown): SluiceError | undefined {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_QUERY_DEPTH) {
      return new SluiceError('invalid_query', {
        message: `The question is nested more than ${MAX_QUERY_DEPTH} levels deep.`,
      });
    }
    level = level.flatMap((part): unknown[] =>
      typeof part === 'object' && part !== null ? Object.values(part) : [],
    );
  }
  return undefined;
}
