import { describe, expect, test } from 'vitest';
import type { ChurnModel } from './churn-model.js';
import { emptyHistory, type ActiveDays } from './history.js';
import { expectedDayValue, fitGammaGamma } from './gamma-gamma.js';
import { mbgNbd } from './mbg-nbd.js';
import { areaUnderCurve, measure } from './measures.js';
import { planCutoffs } from './plan-cutoffs.js';
import { createScorer } from './scorer.js';
import { createRandom, gamma } from '../random/index.js';
import { activeDaysOf, simulatePeople } from './simulated-population.js';
import { snapshotOf } from './snapshot.js';
import { logOdds } from './special-functions.js';
import { trainChurnModel, type TrainingOutcome } from './train.js';

const LAST_DAY = 299;
const HORIZONS = [7, 30, 90];

function train(people: readonly ActiveDays[], lastDay: number, horizons = HORIZONS): TrainingOutcome {
  const firstDay = Math.min(...people.map(({ days }) => days[0]!));
  return trainChurnModel({
    current: snapshotOf(people, lastDay, 0),
    past: planCutoffs({ firstDay, lastDay, horizons }).map(({ cutoffDay, followedDays }) =>
      snapshotOf(people, cutoffDay, followedDays),
    ),
    horizons,
  });
}

function trained(outcome: TrainingOutcome): ChurnModel {
  if (outcome.kind !== 'trained') throw new Error(outcome.kind);
  return outcome.model;
}

const population = activeDaysOf(
  simulatePeople(
    { kind: 'pareto-nbd', r: 0.7, alpha: 12, s: 0.7, beta: 40 },
    { people: 2_500, arrivalDays: 280, untilDay: 400, seed: 21 },
  ),
);
const model = trained(train(population, LAST_DAY));

function scoreAll(of: ChurnModel, people: readonly ActiveDays[], lastDay: number, followedDays: number) {
  const scorer = createScorer(of);
  const score = scorer.createScore();
  const snapshot = snapshotOf(people, lastDay, followedDays);
  const history = emptyHistory();
  return Array.from({ length: snapshot.people }, (_, row) => {
    snapshot.read(row, history);
    scorer.score(history, score);
    return {
      history: { ...history },
      score: structuredClone(score),
      nextActiveIn: snapshot.nextActiveIn(row),
    };
  });
}

describe('trainChurnModel', () => {
  test('with a past to learn from it foretells what comes better than recency, and is calibrated', () => {
    const scored = scoreAll(model, population, LAST_DAY, 90);
    for (const [index, horizon] of model.horizons.entries()) {
      const inactive = scored.map(({ nextActiveIn }) => (nextActiveIn <= horizon.horizonDays ? 0 : 1));
      const measures = measure(
        scored.map(({ score }) => score.horizons[index]!.probabilityInactive),
        inactive,
      );
      const recency = areaUnderCurve(
        scored.map(({ history }) => history.recency),
        inactive,
      );
      expect(horizon).toMatchObject({ method: 'logistic', reason: 'beats_baseline' });
      expect(measures.auc!).toBeGreaterThan(recency!);
      expect(measures.ece).toBeLessThan(0.03);
    }
  });

  test('nothing after the last day, and no label after a window, changes a bit of it', () => {
    const cut = population
      .map((person) => ({ ...person, days: person.days.filter((day) => day <= LAST_DAY) }))
      .filter(({ days }) => days.length > 0);
    expect(trained(train(cut, LAST_DAY))).toEqual(model);
  });

  test('the test learns only from windows that had ended when the tested one began', () => {
    // What happens in the last 90 days alone is turned round: all who were away are back, all others are gone.
    const cutoff = LAST_DAY - 90;
    const turned = population.map(({ key, days }) => {
      const before = days.filter((day) => day <= cutoff);
      const wasThere = days.some((day) => day > cutoff && day <= LAST_DAY);
      return { key, days: wasThere || before.length === 0 ? before : [...before, LAST_DAY] };
    });
    const other = trained(
      train(
        turned.filter(({ days }) => days.length > 0),
        LAST_DAY,
        [90],
      ),
    );
    const [backTest, original] = [other.horizons[0]!.backTest!, model.horizons[2]!.backTest!];
    expect(backTest.cutoffDay).toBe(cutoff);
    expect(backTest.model.auc).toBeCloseTo(1 - original.model.auc!, 9);
  });

  test('a model that does not beat recency says so, and recency serves', () => {
    // Everybody comes once; who comes again, does so after a time that the last visit alone decides.
    const random = createRandom(8);
    const people = Array.from({ length: 1_500 }, (_, index) => {
      const days = [Math.floor(250 * random())];
      while (random() < 0.6) days.push(days.at(-1)! + 1 + Math.floor(50 * random() ** 3));
      return { key: index * 1_000_003, days };
    });
    const { horizons } = trained(train(people, 249));
    for (const { method, reason, backTest } of horizons) {
      const beats =
        backTest!.model.logLoss < backTest!.recency.logLoss &&
        method === 'logistic' &&
        reason === 'beats_baseline';
      const yields = method === 'recency' && reason === 'baseline_not_beaten';
      expect(beats || yields).toBe(true);
    }
  });

  test('the calibration that is shown is that of what serves', () => {
    // One day alone decides, and whatever else is known is noise: recency serves some horizon at least.
    const random = createRandom(8);
    const people = Array.from({ length: 1_500 }, (_, index) => {
      const days = [Math.floor(250 * random())];
      while (random() < 0.6) days.push(days.at(-1)! + 1 + Math.floor(50 * random() ** 3));
      return { key: index * 1_000_003, days };
    });
    const horizons = [...trained(train(people, 249)).horizons, ...model.horizons];
    expect(new Set(horizons.map(({ method }) => method))).toEqual(new Set(['logistic', 'recency']));
    for (const { method, backTest } of horizons) {
      const { calibrationTable, people: tested, model: byModel, recency } = backTest!;
      const error = calibrationTable.reduce(
        (sum, bin) => sum + (bin.people / tested) * Math.abs(bin.meanPredicted - bin.observed),
        0,
      );
      expect(error).toBeCloseTo((method === 'recency' ? recency : byModel).ece, 12);
    }
  });

  test('one clock that was years behind takes no test away', () => {
    const lastDay = 160;
    const until = population
      .map(({ key, days }) => ({ key, days: days.filter((day) => day >= 40 && day <= lastDay) }))
      .filter(({ days }) => days.length > 0);
    const late = { key: 7, days: [lastDay - 1_000, lastDay - 5] };
    const past = planCutoffs({ firstDay: 40, lastDay }).map(({ cutoffDay, followedDays }) =>
      snapshotOf([...until, late], cutoffDay, followedDays),
    );
    const current = snapshotOf([...until, late], lastDay, 0);
    const { horizons } = trained(trainChurnModel({ current, past, firstDay: 40 }));
    expect(horizons.map(({ backTest }) => backTest?.horizonDays)).toEqual([7, 30, 60]);
  });

  test('without a past MBG/NBD serves', () => {
    const outcome = trainChurnModel({ current: snapshotOf(population, LAST_DAY, 0), past: [] });
    const cold = trained(outcome);
    const [{ history, score }] = scoreAll(cold, population, LAST_DAY, 0) as [ReturnType<typeof scoreAll>[0]];
    const purchases = { repeats: history.repeats, lastAt: history.age - history.recency, age: history.age };
    for (const [index, horizon] of cold.horizons.entries()) {
      expect(horizon).toMatchObject({ method: 'mbg-nbd', reason: 'no_labelled_past', backTest: null });
      const active = mbgNbd.probabilityActive(cold.mbgNbd, purchases, horizon.horizonDays);
      expect(score.horizons[index]!.probabilityInactive).toBeCloseTo(1 - active, 12);
      // Its three reasons are all of the way from a typical person.
      const typical = mbgNbd.probabilityActive(cold.mbgNbd, cold.typical, horizon.horizonDays);
      const way = score.horizons[index]!.reasons.reduce((sum, { contribution }) => sum + contribution, 0);
      expect(way).toBeCloseTo(logOdds(typical) - logOdds(active), 9);
    }
  });

  test('a horizon longer than what is known is learned from shorter windows, and is calibrated still', () => {
    const cohort = activeDaysOf(
      simulatePeople(
        { kind: 'pareto-nbd', r: 0.6, alpha: 70, s: 0.6, beta: 80 },
        { people: 4_000, arrivalDays: 84, untilDay: 550, seed: 4 },
      ),
    );
    const long = trained(train(cohort, 272, [273]));
    const scored = scoreAll(long, cohort, 272, 273);
    const measures = measure(
      scored.map(({ score }) => score.horizons[0]!.probabilityInactive),
      scored.map(({ nextActiveIn }) => (nextActiveIn <= 273 ? 0 : 1)),
    );
    expect(long.horizons[0]!.trainingWindows.every(({ horizonDays }) => horizonDays < 273)).toBe(true);
    expect(measures.ece).toBeLessThan(0.05);
  });

  test('too few people, or too few who came back, are an outcome of their own', () => {
    expect(train(population.slice(0, 50), LAST_DAY)).toMatchObject({ kind: 'too_little_history' });
    const once = population.map(({ key, days }) => ({ key, days: days.slice(0, 1) }));
    expect(train(once, LAST_DAY)).toMatchObject({ kind: 'too_little_history', returned: 0 });
  });
});

describe('createScorer', () => {
  test('a model that went through JSON scores the same', () => {
    const again = JSON.parse(JSON.stringify(model)) as ChurnModel;
    const some = population.slice(0, 50);
    expect(scoreAll(again, some, LAST_DAY, 0)).toEqual(scoreAll(model, some, LAST_DAY, 0));
  });

  test('scores are finite and of the right size for whatever is a history', () => {
    const scorer = createScorer(model);
    const score = scorer.createScore();
    for (const history of [
      { ...emptyHistory(), active7: 1, active30: 1, active90: 1, events: 1 },
      {
        age: 5_000,
        recency: 4_999,
        repeats: 1,
        active7: 0,
        active30: 0,
        active90: 0,
        events: 2,
        value: 0,
        valueDays: 0,
      },
      {
        age: 5_000,
        recency: 0,
        repeats: 5_000,
        active7: 7,
        active30: 30,
        active90: 90,
        events: 1e7,
        value: 1e9,
        valueDays: 5_001,
      },
    ]) {
      scorer.score(history, score);
      for (const one of score.horizons) {
        expect(one.probabilityInactive >= 0 && one.probabilityInactive <= 1).toBe(true);
        expect(Number.isFinite(one.expectedTransactions) && one.expectedTransactions >= 0).toBe(true);
        expect(one.expectedValue).toBe(0);
        expect(one.reasons.length).toBeLessThanOrEqual(3);
        // What moves next to nothing is no reason.
        expect(one.reasons.every(({ contribution }) => Math.abs(contribution) >= 0.01)).toBe(true);
        expect(one.reasons.every(({ contribution }) => Number.isFinite(contribution))).toBe(true);
      }
    }
  });

  test('who has been away for long is told so by the reasons', () => {
    const scorer = createScorer(model);
    const score = scorer.createScore();
    scorer.score(
      {
        age: 200,
        recency: 150,
        repeats: 20,
        active7: 0,
        active30: 0,
        active90: 0,
        events: 21,
        value: 0,
        valueDays: 0,
      },
      score,
    );
    const { probabilityInactive, reasons } = score.horizons[1]!;
    expect(probabilityInactive).toBeGreaterThan(0.95);
    expect(['recency', 'rhythm']).toContain(reasons[0]!.feature);
    expect(reasons[0]!.contribution).toBeGreaterThan(0);
  });
});

describe('the gamma-gamma model', () => {
  test('its parameters are found again, and what is expected lies between one’s own mean and everybody’s', () => {
    const random = createRandom(2);
    const [p, q, scale] = [6, 4, 15];
    const people = Array.from({ length: 8_000 }, (_, index) => {
      const rate = gamma(q, random) / scale;
      const days = Array.from({ length: 1 + Math.floor(6 * random()) }, (_, day) => day);
      return { key: index, days, values: days.map(() => gamma(p, random) / rate) };
    });
    const fit = fitGammaGamma(snapshotOf(people, 50, 0))!;

    expect(Math.abs(fit.p / p - 1)).toBeLessThan(0.1);
    expect(Math.abs(fit.q / q - 1)).toBeLessThan(0.1);
    expect(Math.abs(fit.gamma / scale - 1)).toBeLessThan(0.2);
    expect(fit.buyingShare).toBe(1);
    const spender = expectedDayValue(fit, { value: 200, valueDays: 2, repeats: 1 });
    expect(spender).toBeGreaterThan(fit.meanValue);
    expect(spender).toBeLessThan(100);
    expect(fitGammaGamma(snapshotOf(population, LAST_DAY, 0))).toBeNull();
  });

  test('where a few spend nearly everything, nobody without a past is expected to spend more than is spent on average', () => {
    const heavy = { p: 8, q: 1.001, gamma: 10, meanValue: 90, buyingShare: 0.5, people: 500 };
    const newcomer = expectedDayValue(heavy, { value: 0, valueDays: 0, repeats: 0 });
    expect(newcomer).toBeLessThanOrEqual(90);
    expect(newcomer).toBeGreaterThan(0);
    const regular = expectedDayValue(heavy, { value: 600, valueDays: 20, repeats: 19 });
    expect(regular).toBeGreaterThan(20);
    expect(regular).toBeLessThan(40);
  });
});
