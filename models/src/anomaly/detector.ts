import type { Direction, Point, Verdict } from './monitor.js';
import type { StateWriter } from './state-bytes.js';

/** Why an incident might open with this bucket. */
export interface Evidence {
  direction: Direction;
  /** Start of the bucket the deviation began with, as far as can be told. */
  sinceMs: number;
  /** -ln of how improbable it is. */
  surprise: number;
  /** The surprise from which on it opens an incident by itself, at the configured rate of false alerts. */
  threshold: number;
}

export interface Finding {
  verdict: Verdict;
  evidence: Evidence | null;
  /** Out of the ordinary enough to count as one of the N of M, with its side. */
  suspicion: { direction: Direction; surprise: number; threshold: number } | null;
  /** The incident that is open is over with this bucket. */
  isOver: boolean;
}

/** What finds deviations. The incident layer tells it what has become of them: while one is open, nothing is learnt from it. */
export interface Detector {
  readonly name: string;
  readonly version: number;
  step(point: Point): Finding;
  /** @param startMs the bucket it opened with */
  incidentOpened(direction: Direction, startMs: number): void;
  incidentResolved(): void;
  write(to: StateWriter): void;
}
