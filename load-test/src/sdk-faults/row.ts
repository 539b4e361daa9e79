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
  /** Growth of the process's memory at most, bytes; absent where it is not measured. */
  rssGrowthBytes?: number;
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

/**
 * One row of several runs of the same fault: of each figure the worst, for what depends on an instant does not happen
 * every time. Not empty.
 */
export function worstOf(runs: readonly Row[]): Row {
  const [first, ...others] = runs;
  if (first === undefined) throw new Error('There is no row to take the worst of.');
  return others.reduce(
    (worst, row, index) => ({
      ...worst,
      distinct: Math.min(worst.distinct, row.distinct),
      extraCopies: Math.max(worst.extraCopies, row.extraCopies),
      copiesAfterLanding: larger(worst.copiesAfterLanding, row.copiesAfterLanding),
      requestsInOutage: larger(worst.requestsInOutage, row.requestsInOutage),
      syncMicros: [...worst.syncMicros, ...row.syncMicros],
      notes: [...worst.notes, ...row.notes.map((note) => `round ${index + 2}: ${note}`)],
      broken: [...worst.broken, ...row.broken],
    }),
    first,
  );
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
