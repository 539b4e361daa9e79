import { expect, it } from 'vitest';
import { worstOf, type Row } from './row.js';

const ROW: Row = {
  place: 'browser',
  row: 'crash',
  title: 'crash',
  sdk: 'sluice',
  expected: 10,
  distinct: 10,
  extraCopies: 0,
  copiesAfterLanding: null,
  requestsInOutage: null,
  syncMicros: [],
  notes: [],
  broken: [],
};

it('takes the worst of each figure of several runs', () => {
  const worst = worstOf([
    { ...ROW, extraCopies: 3, requestsInOutage: 1, syncMicros: [9] },
    { ...ROW, distinct: 8, copiesAfterLanding: 1, syncMicros: [12], notes: ['late'], broken: ['lost'] },
    { ...ROW, distinct: 9, requestsInOutage: 2, copiesAfterLanding: 0 },
  ]);
  expect(worst).toEqual({
    ...ROW,
    distinct: 8,
    extraCopies: 3,
    copiesAfterLanding: 1,
    requestsInOutage: 2,
    syncMicros: [9, 12],
    notes: ['round 2: late'],
    broken: ['lost'],
  });
});
