import type { Point, Verdict } from '../monitor.js';
import { createAlertLayer } from './alert-layer.js';
import { createBand } from './band.js';
import { createDayShare } from './day-share.js';
import { createEnsembleScore } from './ensemble-score.js';
import { createStateMemory } from './state-memory.js';

export interface EnsembleOptions {
  /** Length of a bucket, milliseconds. Default five minutes. */
  intervalMs?: number;
  /** IANA zone of the days. Default UTC. */
  timeZone?: string;
  /** Alerts that may come by chance, a series and 30 days. Default 1. */
  falseAlertsPerMonth?: number;
}

export interface EnsembleDetector {
  readonly name: string;
  readonly version: number;
  /** What is to be said of the next point of the series. `alert`: the alert layer would tell somebody. */
  step(point: Point): Verdict & { alert: boolean };
  save(): Uint8Array;
}

const NAME = 'ensemble';
const VERSION = 1;
const MONTH_MS = 30 * 86_400_000;

/**
 * Detects what is out of the ordinary in any series of numbers. Strictly causal; the same work for every point.
 *
 * @param saved what `save` gave of a detector with the same options
 * @throws RangeError when the time zone is unknown or the state is of another version
 */
export function createEnsembleDetector(options: EnsembleOptions = {}, saved?: Uint8Array): EnsembleDetector {
  const { intervalMs = 300_000, timeZone = 'UTC', falseAlertsPerMonth = 1 } = options;
  const probability = Math.min(0.5, (falseAlertsPerMonth * intervalMs) / MONTH_MS);
  const dayShareOf = createDayShare(timeZone);
  const state = createStateMemory();
  const score = createEnsembleScore(state);
  const alerts = createAlertLayer(state, { threshold: -Math.log10(probability) });
  const band = createBand(state);
  if (saved !== undefined) state.restore(saved, VERSION);

  return {
    name: NAME,
    version: VERSION,
    step({ startMs, value }) {
      const dayShare = dayShareOf(startMs);
      const ahead = band.ahead(dayShare, probability);
      const verdict = {
        startMs,
        observed: value,
        expected: ahead?.expected ?? null,
        lower: ahead?.lower ?? null,
        upper: ahead?.upper ?? null,
      };
      if (value === null) {
        return { ...verdict, tailProbability: 1, direction: null, isAnomalous: false, alert: false };
      }
      const surprise = score.step({ value, dayShare });
      const alert = alerts.step(surprise, dayShare, startMs);
      band.learn(value, dayShare);
      const tailProbability = 10 ** -surprise;
      return {
        ...verdict,
        tailProbability,
        direction: ahead === null ? null : value >= ahead.expected ? 'up' : 'down',
        isAnomalous: tailProbability <= probability,
        alert,
      };
    },
    save: () => state.save(VERSION),
  };
}
