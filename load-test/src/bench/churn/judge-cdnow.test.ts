import { createPurchaseRows, paretoNbd, type ActiveDays } from '@sluice/models/churn';
import { expect, test } from 'vitest';
import { CALIBRATION_END, HOLDOUT_DAYS, judgeCdnow } from './judge-cdnow.js';
import { dayOf } from './read-cdnow.js';
import { createPopulation } from './simulate-people.js';

const START = dayOf('19970101')!;

function simulated(people: number): ActiveDays[] {
  const draw = createPopulation(
    {
      r: 0.55,
      alpha: 74,
      s: 0.6,
      beta: 82,
      arrivalDays: 84,
      lastDay: CALIBRATION_END + HOLDOUT_DAYS - START,
    },
    5,
  );
  return Array.from({ length: people }, (_, index) => ({
    key: (index * 2_654_435_761) % 2 ** 32,
    days: draw().map((day) => START + day),
  }));
}

test('what is foretold does not depend on what happens in the holdout', () => {
  const people = simulated(1_500);
  const without = people.map(({ key, days }) => ({
    key,
    days: days.filter((day) => day <= CALIBRATION_END),
  }));
  const [seen, unseen] = [judgeCdnow(people), judgeCdnow(without)];

  expect(seen.bought).toBeGreaterThan(100);
  expect(unseen.bought).toBe(0);
  expect(unseen.expectedPurchases).toBe(seen.expectedPurchases);
  expect(unseen.bgnbd.logLikelihood).toBe(seen.bgnbd.logLikelihood);
});

test('the people simulated follow the law they are drawn from', () => {
  const law = { r: 0.9, alpha: 60, s: 0.7, beta: 90 };
  const draw = createPopulation({ ...law, arrivalDays: 100, lastDay: 599 }, 3);
  const rows = createPurchaseRows();
  for (let person = 0; person < 15_000; person += 1) {
    const days = draw();
    expect(days.every((day, index) => index === 0 || day > days[index - 1]!)).toBe(true);
    rows.add(days.length - 1, days.at(-1)! - days[0]!, 599 - days[0]!);
  }
  const { parameters } = paretoNbd.fit(rows.build());

  for (const name of ['r', 'alpha', 's', 'beta'] as const) {
    expect(Math.abs(parameters[name] / law[name] - 1)).toBeLessThan(0.2);
  }
});
