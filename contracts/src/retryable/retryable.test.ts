import { expect, it } from 'vitest';
import { ERRORS } from '../errors.js';
import { RETRYABLE_CODES } from './index.js';

it('lists exactly the codes that the table of errors calls retryable', () => {
  const ofTable = Object.entries(ERRORS).filter(([, { retryable }]) => retryable);
  expect([...RETRYABLE_CODES].sort()).toEqual(ofTable.map(([code]) => code).sort());
});
