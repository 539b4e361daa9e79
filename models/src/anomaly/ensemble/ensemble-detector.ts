import type { Point, Verdict } from '../monitor.js';
import { createAlertLayer } from './alert-layer.js';
import { createBand } from './band.js';
import { tailProbabilityOf, thresholdFor } from './calibration.js';
import { createDayShare } from './day-share.js';
import { createEnsembleScore } from './ensemble-score.js';
import { createStateMemory } from './state-memory.js';

export interface EnsembleOptions {
  /** Length of a bucket, milliseconds. Default five minutes. */
  intervalMs?: number;
  /** IANA zone of the days. Default UTC. */
  timeZone?: string;
  /**
   * Alerts in 30 days of a series of stationary noise, in which all of them are false. Real series repeat themselves more
   * than noise does, and alert less. Default 14: it finds most of what people call incidents; 1 finds the gross ones.
   */
  falseAlertsPerMonth?: number;
}

export interface EnsembleDetector {
  readonly name: string;
  readonly version: number;
  /**
   * What is to be said of the next point of the series. `isAnomalous`: its score passes the threshold; `alert`: and nobody
   * was told of it lately, nor is it a daily habit. Both look at all views of the series, of which the band is none: it
   * shows where single values usually lie. Points are taken in the order in which they come; where some are missing, the
   * next one follows the last one known.
   */
  step(point: Point): Verdict & { alert: boolean };
  /** All of the state, about 28 kB. */
  save(): Uint8Array;
}

const NAME = 'ensemble';
const VERSION = 1;
const MONTH_MS = 30 * 86_400_000;
/** Values beyond it are taken for it: their squares must be numbers. */
const LARGEST_VALUE = 1e100;
const DEFAULT_INTERVAL_MS = 300_000;
const DEFAULT_FALSE_ALERTS_PER_MONTH = 14;

/**
 * Detects what is out of the ordinary in any series of numbers. Strictly causal; the same work for every point.
 *
 * @param saved what `save` gave of a detector with the same options
 * @throws RangeError when the time zone is unknown, a number is not above zero, or the state is of another version
 */
export function createEnsembleDetector(options: EnsembleOptions = {}, saved?: Uint8Array): EnsembleDetector {
  const {
    intervalMs = DEFAULT_INTERVAL_MS,
    timeZone = 'UTC',
    falseAlertsPerMonth = DEFAULT_FALSE_ALERTS_PER_MONTH,
  } = options;
  if (!(intervalMs > 0 && falseAlertsPerMonth > 0)) {
    throw new RangeError('`intervalMs` and `falseAlertsPerMonth` must be above zero.');
  }
  const alertsPerPoint = (falseAlertsPerMonth * intervalMs) / MONTH_MS;
  const threshold = thresholdFor(alertsPerPoint);
  const dayShareOf = createDayShare(timeZone);
  const state = createStateMemory();
  const score = createEnsembleScore(state);
  const alerts = createAlertLayer(state, { threshold });
  const band = createBand(state);
  if (saved !== undefined) state.restore(saved, VERSION);

  return {
    name: NAME,
    version: VERSION,
    step({ startMs, value }) {
      const dayShare = dayShareOf(startMs);
      const ahead = band.ahead(dayShare, Math.min(0.5, alertsPerPoint));
      const expectation = {
        startMs,
        observed: value,
        expected: ahead?.expected ?? null,
        lower: ahead?.lower ?? null,
        upper: ahead?.upper ?? null,
      };
      if (value === null || Number.isNaN(value)) {
        return { ...expectation, tailProbability: 1, direction: null, isAnomalous: false, alert: false };
      }
      const measured = Math.max(-LARGEST_VALUE, Math.min(LARGEST_VALUE, value));
      const unusual = score.step({ value: measured, dayShare });
      band.learn(measured, dayShare);
      return {
        ...expectation,
        tailProbability: tailProbabilityOf(unusual),
        direction: ahead === null || value === ahead.expected ? null : value > ahead.expected ? 'up' : 'down',
        isAnomalous: unusual >= threshold,
        alert: alerts.step(unusual, dayShare, startMs),
      };
    },
    save: () => state.save(VERSION),
  };
}
