import type { Target } from '../target/target.js';

/** One fault, one SDK, what became of the events. */
export interface Row {
  /** Where the SDK ran. */
  place: 'browser' | 'node';
  /** The fault by its short name, as `--row` takes it, e.g. `navigate-150`. */
  row: string;
  /** The fault in words. */
  title: string;
  /** `sluice`, or a peer's name. */
  sdk: string;
  /** Events that were tracked. */
  expected: number;
  /** Of those, how many arrived in the end, however often. For Sluice: as its stores hold them. */
  distinct: number;
  /** Sends that the server took in beyond the first of each event. */
  extraCopies: number;
  /** Copies beyond one that answers would count; always asked from the stores. Null for peers: they do not land in Sluice. */
  copiesAfterLanding: number | null;
  /** Requests with events while the server was not taking any; null in rows without an outage. */
  requestsInOutage: number | null;
  /**
   * Microseconds of the calling thread per `track()`, one figure for each repetition of the task; the best one counts,
   * because the machine is shared. Empty where it is not measured.
   */
  syncMicros: number[];
  /** What a figure alone does not say. */
  notes: string[];
  /** What else the row asks of Sluice and did not get, in words; each makes the run fail. Always empty for peers. */
  broken: string[];
}

export const SLUICE = 'sluice';

/** What a run of rows takes, in browsers and in Node. */
export interface FaultRunOptions {
  /** A running Sluice: where events go, and where they are looked up. */
  target: Target;
  /** Short names of the rows to run; all when undefined. */
  rows: ReadonlySet<string> | undefined;
  /** Names of the SDKs to run: `sluice` and peers. */
  sdks: ReadonlySet<string>;
  signal: AbortSignal;
  onProgress(text: string): void;
  /** Called with each row as it is done. */
  onRow(row: Row): void;
}
