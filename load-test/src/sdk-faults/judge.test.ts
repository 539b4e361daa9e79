import { describe, expect, it } from 'vitest';
import { judge } from './judge.js';
import { SLUICE, type Row } from './row.js';

function rowOf(changes: Partial<Row> = {}): Row {
  return {
    place: 'browser',
    row: 'crash',
    title: 'crash',
    sdk: SLUICE,
    expected: 10,
    distinct: 10,
    extraCopies: 0,
    copiesAfterLanding: 0,
    requestsInOutage: null,
    syncMicros: [],
    notes: [],
    broken: [],
    ...changes,
  };
}

describe('judge', () => {
  it('is content with rows that keep every promise, copies on the wire among them', () => {
    const rows = [rowOf({ extraCopies: 4 }), rowOf({ requestsInOutage: 3, syncMicros: [80, 50, 61] })];
    expect(judge(rows)).toEqual({
      ok: true,
      lost: 0,
      duplicatedAfterLanding: 0,
      maxRequestsInOutage: 3,
      maxSyncMicros: 50,
      broken: [],
    });
  });

  it.each([
    ['a lost event', { distinct: 9 }],
    ['a copy after landing', { copiesAfterLanding: 1 }],
    ['stores that were not asked', { copiesAfterLanding: null }],
    ['a fourth request during an outage', { requestsInOutage: 4 }],
    ['slow calls in every repetition', { syncMicros: [51, 70] }],
    ['whatever else the row says is broken', { broken: ['2 preflights'] }],
  ])('fails for %s', (_what, changes) => {
    const judgement = judge([rowOf(), rowOf(changes)]);
    expect(judgement.ok).toBe(false);
    expect(judgement.broken).toHaveLength(1);
  });

  it('does not judge peers', () => {
    const peer = rowOf({ sdk: 'peer', distinct: 0, requestsInOutage: 54, syncMicros: [12_400] });
    expect(judge([rowOf(), peer])).toMatchObject({
      ok: true,
      lost: 0,
      maxRequestsInOutage: 0,
      maxSyncMicros: 0,
    });
  });

  it('is not content without any row of ours', () => {
    expect(judge([rowOf({ sdk: 'peer' })]).ok).toBe(false);
  });
});
