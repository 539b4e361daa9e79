import type { Tally } from './tally.js';

/** What the stores hold of a run, by the numbers of its messages. */
export interface Stored {
  /** Rows in Postgres. */
  raw: Tally;
  /** Rows in ClickHouse. */
  columnar: Tally;
}

export interface Comparison {
  /** Messages the gateway said it had accepted. */
  accepted: number;
  /** Of those, how many are stored in Postgres. */
  landed: number;
  /** What the rollups count. */
  rolledUp: number;
  /** Accepted but missing in a store, plus stored but not counted. */
  lost: number;
  /** Copies stored beyond the first, plus counts beyond what is stored. */
  duplicated: number;
  /** Stored although no answer ever said so: its answer was lost and the client did not try again. Not a fault. */
  unconfirmed: number;
  /** Numbers of the first messages that are lost or doubled in a store. */
  lostNumbers: number[];
  duplicatedNumbers: number[];
}

/** At most so many numbers are named. */
const NAMED = 20;

/**
 * Compares what was accepted with what is stored, one by one, and with what is counted. Everything equal means: each
 * accepted message is stored once and counted once.
 */
export function compareDelivery(accepted: Tally, { raw, columnar }: Stored, rolledUp: number): Comparison {
  const result: Comparison = {
    accepted: accepted.distinct,
    landed: 0,
    rolledUp,
    lost: 0,
    duplicated: 0,
    unconfirmed: 0,
    lostNumbers: [],
    duplicatedNumbers: [],
  };
  const end = Math.max(accepted.end, raw.end, columnar.end);
  for (let n = 0; n < end; n++) {
    const isAccepted = accepted.countOf(n) > 0;
    const fewest = Math.min(raw.countOf(n), columnar.countOf(n));
    const most = Math.max(raw.countOf(n), columnar.countOf(n));
    if (isAccepted && raw.countOf(n) > 0) result.landed++;
    if (!isAccepted && most > 0) result.unconfirmed++;
    // What one store has, the other must have, accepted or not.
    if (fewest === 0 && (isAccepted || most > 0)) {
      result.lost++;
      if (result.lostNumbers.length < NAMED) result.lostNumbers.push(n);
    }
    if (most > 1) {
      result.duplicated += most - 1;
      if (result.duplicatedNumbers.length < NAMED) result.duplicatedNumbers.push(n);
    }
  }
  result.lost += Math.max(0, columnar.distinct - rolledUp);
  result.duplicated += Math.max(0, rolledUp - columnar.distinct);
  return result;
}

export function isExact(comparison: Comparison): boolean {
  return (
    comparison.lost === 0 &&
    comparison.duplicated === 0 &&
    comparison.landed === comparison.accepted &&
    comparison.rolledUp === comparison.landed + comparison.unconfirmed
  );
}
