import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import type { Question } from './run-query.js';

/** @throws SluiceError query_failed when a row is not what the question says it is. */
export function checkRows<Row>(question: Question<Row, unknown>, rows: readonly unknown[]): Row[] {
  const result = z.array(question.row).safeParse(rows);
  if (result.success) return result.data;
  throw new SluiceError('query_failed', {
    message: `The store answered ${question.name} in an unexpected form.`,
    cause: result.error,
  });
}

export function checkCount(question: Question<unknown, unknown>, count: number, maxRows: number): void {
  if (count <= maxRows) return;
  throw new SluiceError('query_too_large', {
    message: `The answer to ${question.name} has more than ${maxRows} rows.`,
  });
}
