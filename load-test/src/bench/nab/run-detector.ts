import { createEnsembleDetector, type EnsembleDetector } from '@sluice/models/anomaly';
import type { NabSeries } from './corpus.js';

type Step = ReturnType<EnsembleDetector['step']>;

export interface DetectorRun {
  /** 1 where the detector alerts, 0 elsewhere, a row each. */
  alerts: Uint8Array;
  /** CPU time of all steps, microseconds. */
  cpuMicros: number;
}

/**
 * Gives a series to the detector as it ships, point by point. It is told nothing of the series, not even how far its points
 * lie apart: so it takes them for five minutes, as it does by default.
 */
export function runDetector(series: NabSeries, falseAlertsPerMonth?: number): DetectorRun {
  const detector = createDetector(falseAlertsPerMonth);
  const alerts = new Uint8Array(series.values.length);
  const before = process.cpuUsage();
  for (let row = 0; row < alerts.length; row++) alerts[row] = stepAt(detector, series, row).alert ? 1 : 0;
  const { user, system } = process.cpuUsage(before);
  return { alerts, cpuMicros: user + system };
}

/** Where series are cut, as shares of their rows. */
const CUTS = [0.1, 0.35, 0.6, 0.85];

export interface Continuity {
  /** All that is said of the rows before a cut is the same when there is nothing behind the cut. */
  isCausal: boolean;
  /** All that is said behind a cut is the same when the state was saved there and another detector continues. */
  isRestorable: boolean;
}

/** Compares whole runs with runs that were cut, bit by bit. */
export function checkContinuity(series: NabSeries): Continuity {
  const rows = series.values.length;
  const whole = createDetector();
  const steps = Array.from({ length: rows }, (_, row) => stepAt(whole, series, row));
  let isCausal = true;
  let continued = createDetector();
  let isRestorable = true;
  const cuts = CUTS.map((share) => Math.floor(share * rows));
  for (const cut of cuts) {
    const prefix: NabSeries = {
      ...series,
      timesMs: series.timesMs.slice(0, cut),
      values: series.values.slice(0, cut),
    };
    const detector = createDetector();
    for (let row = 0; row < cut; row++) {
      isCausal &&= isSameStep(stepAt(detector, prefix, row), steps[row]!);
    }
  }
  for (let row = 0; row < rows; row++) {
    if (cuts.includes(row)) continued = createEnsembleDetector({}, continued.save());
    isRestorable &&= isSameStep(stepAt(continued, series, row), steps[row]!);
  }
  return { isCausal, isRestorable };
}

function createDetector(falseAlertsPerMonth?: number): EnsembleDetector {
  return createEnsembleDetector(falseAlertsPerMonth === undefined ? {} : { falseAlertsPerMonth });
}

function stepAt(detector: EnsembleDetector, { timesMs, values }: NabSeries, row: number): Step {
  return detector.step({ startMs: timesMs[row]!, value: values[row]! });
}

function isSameStep(a: Step, b: Step): boolean {
  return (Object.keys(a) as (keyof Step)[]).every((key) => Object.is(a[key], b[key]));
}
