import {
  bgNbd,
  createPurchaseRows,
  createScorer,
  createSnapshot,
  daysToNextActive,
  emptyHistory,
  isSampled,
  keyOfPerson,
  mbgNbd,
  measure,
  paretoNbd,
  planCutoffs,
  readHistory,
  trainChurnModel,
  trainingShare,
} from '@sluice/models/churn';
import { createPopulation, type Population } from './simulate-people.js';

/** A year of people who come for the first time on any day of it, and the 90 days after it to judge by. */
const TODAY = 364;
const FOLLOWED = 90;
const POPULATION: Population = {
  r: 0.6,
  alpha: 9,
  s: 0.6,
  beta: 30,
  arrivalDays: TODAY + 1,
  lastDay: TODAY + FOLLOWED,
};

type Step = 'simulate' | 'group' | 'bgNbd' | 'mbgNbd' | 'paretoNbd' | 'train' | 'score';

export interface MillionResult {
  people: number;
  population: Population;
  /** People the model is trained on. */
  trainedOn: number;
  /** Different rows of (x, t_x, T), in days. */
  rows: number;
  /** Maximum likelihood of MBG/NBD, which serves, on everybody. */
  fitMs: number;
  /** Snapshots of the past to a model of 7, 30 and 90 days, with its tests. */
  trainMs: number;
  /** All horizons, expected visits, money and reasons, for everybody. */
  scoreMs: number;
  /** Each step by the clock, and in processor time, which is what to trust while others use the machine. */
  steps: Record<Step, { ms: number; cpuMs: number }>;
  /** What Pareto/NBD found of the population's parameters. Days on which somebody comes twice make it find a lower rate. */
  paretoNbd: { r: number; alpha: number; s: number; beta: number };
  horizons: {
    horizonDays: number;
    method: string;
    auc: number | null;
    ece: number;
    recencyAuc: number | null;
  }[];
  peakRssMb: number;
}

/** Fits, trains and scores as many simulated people, of whom no list of days is ever kept. */
export function measureMillion(people: number, onProgress: (text: string) => void): MillionResult {
  const steps = {} as MillionResult['steps'];
  let startMs = performance.now();
  let startCpu = process.cpuUsage();
  const endStep = (step: Step): void => {
    const { user, system } = process.cpuUsage(startCpu);
    steps[step] = { ms: performance.now() - startMs, cpuMs: (user + system) / 1_000 };
    startMs = performance.now();
    startCpu = process.cpuUsage();
  };

  onProgress(`${people} people are simulated`);
  const share = trainingShare(people);
  const current = createSnapshot(TODAY, FOLLOWED, people);
  const sample = createSnapshot(TODAY, 0, people * share * 1.05);
  const past = planCutoffs({ firstDay: 0, lastDay: TODAY }).map(({ cutoffDay, followedDays }) => ({
    cutoffDay,
    builder: createSnapshot(cutoffDay, followedDays, people * share * 1.05),
  }));
  const draw = createPopulation(POPULATION, 20_26);
  const history = emptyHistory();
  for (let person = 0; person < people; person += 1) {
    const drawn = { key: keyOfPerson(`person ${person}`), days: draw() };
    if (!readHistory(drawn, TODAY, history)) continue;
    current.add(drawn.key, history, daysToNextActive(drawn, TODAY));
    if (!isSampled(drawn.key, share)) continue;
    sample.add(drawn.key, history, null);
    for (const { cutoffDay, builder } of past) {
      if (!readHistory(drawn, cutoffDay, history)) continue;
      builder.add(drawn.key, history, daysToNextActive(drawn, cutoffDay));
    }
  }
  const everybody = current.build();
  endStep('simulate');

  onProgress('BG/NBD, MBG/NBD and Pareto/NBD are fitted to everybody');
  const grouped = createPurchaseRows();
  for (let row = 0; row < everybody.people; row += 1) {
    everybody.read(row, history);
    grouped.add(history.repeats, history.age - history.recency, history.age);
  }
  const rows = grouped.build();
  endStep('group');
  bgNbd.fit(rows);
  endStep('bgNbd');
  mbgNbd.fit(rows);
  endStep('mbgNbd');
  const pareto = paretoNbd.fit(rows);
  endStep('paretoNbd');

  onProgress('A model is trained');
  const outcome = trainChurnModel({
    current: sample.build(),
    past: past.map(({ builder }) => builder.build()),
    share,
  });
  if (outcome.kind !== 'trained') throw new Error('There are too few people to train on.');
  const { model } = outcome;
  endStep('train');

  onProgress('Everybody is scored');
  const scorer = createScorer(model);
  const score = scorer.createScore();
  const inactive = model.horizons.map(() => new Float32Array(everybody.people));
  for (let row = 0; row < everybody.people; row += 1) {
    everybody.read(row, history);
    scorer.score(history, score);
    for (let index = 0; index < inactive.length; index += 1) {
      inactive[index]![row] = score.horizons[index]!.probabilityInactive;
    }
  }
  endStep('score');

  const recency = new Float32Array(everybody.people);
  const isInactive = new Uint8Array(everybody.people);
  const horizons = model.horizons.map(({ horizonDays, method }, index) => {
    for (let row = 0; row < everybody.people; row += 1) {
      everybody.read(row, history);
      recency[row] = history.recency;
      isInactive[row] = everybody.nextActiveIn(row) <= horizonDays ? 0 : 1;
    }
    const { auc, ece } = measure(inactive[index]!, isInactive);
    return { horizonDays, method, auc, ece, recencyAuc: measure(recency, isInactive).auc };
  });
  return {
    people: everybody.people,
    population: POPULATION,
    trainedOn: model.people,
    rows: rows.length,
    fitMs: steps.mbgNbd.ms,
    trainMs: steps.train.ms,
    scoreMs: steps.score.ms,
    steps,
    paretoNbd: pareto.parameters,
    horizons,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  };
}
