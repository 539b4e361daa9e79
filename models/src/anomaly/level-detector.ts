import type { Detector, Finding } from './detector.js';
import { createEnsembleDetector, type EnsembleDetector } from './ensemble/index.js';
import { BUCKET_MS, type Direction, type MonitorOptions, type Point } from './monitor.js';
import { UnusableStateError, type StateReader, type StateWriter } from './state-bytes.js';

const MONTH_MS = 30 * 86_400_000;
/** An incident is over after so many ordinary values in a row. */
const CALM = { buckets: 3, tailProbability: 0.02 } as const;
/** What lasts so long is how it is. */
const LONGEST_MS = 2 * 86_400_000;

/** Watches any other number with the ensemble, whose alert layer decides what is worth an incident. */
export class LevelDetector implements Detector {
  readonly name: string;
  readonly version: number;
  readonly #ensemble: EnsembleDetector;
  readonly #directions: ReadonlySet<Direction>;
  readonly #threshold: number;
  #openedMs = Number.NaN;
  #calm = 0;

  constructor(options: MonitorOptions, saved?: StateReader) {
    const { interval, timeZone, falseAlertsPerMonth = 1 } = options;
    const intervalMs = BUCKET_MS[interval];
    this.#directions = new Set(options.directions ?? ['up', 'down']);
    this.#threshold = -Math.log((falseAlertsPerMonth * intervalMs) / MONTH_MS);
    this.#ensemble = continueEnsemble({ intervalMs, timeZone, falseAlertsPerMonth }, saved?.bytes());
    this.name = this.#ensemble.name;
    this.version = this.#ensemble.version;
    if (saved) {
      this.#openedMs = saved.number();
      this.#calm = saved.number();
    }
  }

  step(point: Point): Finding {
    const { alert, ...verdict } = this.#ensemble.step(point);
    const { startMs, observed, direction, tailProbability } = verdict;
    const isCounted = direction !== null && this.#directions.has(direction);
    if (observed !== null) {
      const isInBand =
        verdict.lower === null ||
        verdict.upper === null ||
        (observed >= verdict.lower && observed <= verdict.upper);
      this.#calm = isInBand && tailProbability > CALM.tailProbability ? this.#calm + 1 : 0;
    }
    return {
      verdict: { ...verdict, isAnomalous: verdict.isAnomalous && isCounted },
      evidence:
        alert && isCounted
          ? { direction, sinceMs: startMs, surprise: -Math.log(tailProbability), threshold: this.#threshold }
          : null,
      suspicion: null,
      isOver: this.#calm >= CALM.buckets || startMs - this.#openedMs >= LONGEST_MS,
    };
  }

  incidentOpened(_direction: Direction, startMs: number): void {
    this.#openedMs = startMs;
    this.#calm = 0;
  }

  incidentResolved(): void {
    this.#openedMs = Number.NaN;
  }

  write(to: StateWriter): void {
    to.bytes(this.#ensemble.save()).number(this.#openedMs).number(this.#calm);
  }
}

function continueEnsemble(
  options: { intervalMs: number; timeZone: string; falseAlertsPerMonth: number },
  saved: Uint8Array | undefined,
): EnsembleDetector {
  if (saved === undefined) return createEnsembleDetector(options);
  try {
    return createEnsembleDetector(options, saved);
  } catch (error) {
    throw new UnusableStateError(error instanceof Error ? error.message : String(error));
  }
}
