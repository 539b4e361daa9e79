import { keyOfPerson, snapshotOf, trainChurnModel, type ChurnModel } from '@sluice/models/churn';
import { expect, it } from 'vitest';
import { HISTORY_ROW_BYTES } from './history-rows.js';
import { encodeScores } from './score-block.js';

/** Bytes before the scores of a row: project, run and person. */
const HEAD_BYTES = 4 + 8 + 8;

function modelThatDisagrees(): ChurnModel {
  const people = Array.from({ length: 300 }, (_person, index) => ({
    key: keyOfPerson(`person ${index}`),
    days: Array.from({ length: 1 + (index % 9) }, (_day, n) => 100 + (index % 60) + n * (1 + (index % 5))),
    values: Array.from({ length: 1 + (index % 9) }, () => 10),
  }));
  const outcome = trainChurnModel({ current: snapshotOf(people, 200, 0), past: [] });
  if (outcome.kind !== 'trained') throw new Error(outcome.kind);
  const [week, ...longer] = outcome.model.horizons;
  // As if the past had told that nearly everybody comes back within a week, and few within a month.
  return {
    ...outcome.model,
    horizons: [{ ...week!, calibration: { kind: 'platt', intercept: 4, slope: 0 } }, ...longer],
  };
}

it('a longer horizon has no less activity and no less value than a shorter one, whatever its model says', () => {
  const history = Buffer.alloc(HISTORY_ROW_BYTES);
  for (const [index, value] of [90, 60, 3, 0, 0, 2, 4, 40, 4, 0].entries()) {
    history.writeFloatLE(value, 8 + 4 * index);
  }
  const { rows, people } = encodeScores(history, modelThatDisagrees(), {
    projectId: 1,
    runId: 1,
    knownThrough: 20_000,
  });
  expect(people).toBe(1);
  const column = (n: number): number[] =>
    [0, 1, 2].map((horizon) => rows.readFloatLE(HEAD_BYTES + 4 * (3 * n + horizon)));
  const [churn, active, value] = [column(0), column(1), column(2)];
  expect(churn).toEqual([...churn].sort((one, other) => other - one));
  for (const expected of [active, value]) {
    expect(expected[0]).toBeGreaterThan(0);
    for (const [shorter, longer] of [
      [0, 1],
      [1, 2],
    ] as const) {
      expect(expected[longer]).toBeGreaterThanOrEqual(expected[shorter]! * (1 - 1e-6));
    }
  }
});
