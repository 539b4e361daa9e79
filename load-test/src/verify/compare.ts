import type { Tally } from './tally.js';

export interface Comparison {
  /** Messages the gateway said it had accepted. */
  accepted: number;
  /** Of those, how many are stored at least once. */
  landed: number;
  /** What the rollups count. */
  rolledUp: number;
  /** Accepted but not stored, plus stored but not counted. */
  lost: number;
  /** Copies stored beyond the first, plus counts beyond what is stored. */
  duplicated: number;
  /** Stored although no answer ever said so: its answer was lost and the client did not try again. Not a fault. */
  unconfirmed: number;
  /** Numbers of the first messages that are lost or doubled in the store. */
  lostNumbers: number[];
  duplicatedNumbers: number[];
}

/** At most so many numbers are named. */
const NAMED = 20;

/**
 * Compares what was accepted with what is stored and with what is counted, one by one. Everything equal means: each
 * accepted message is stored once and counted once.
 */
export function compareDelivery(accepted: Tally, stored: Tally, rolledUp: number): Comparison {
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
  const end = Math.max(accepted.end, stored.end);
  for (let n = 0; n < end; n++) {
    const copies = stored.countOf(n);
    const isAccepted = accepted.countOf(n) > 0;
    if (isAccepted && copies === 0) {
      result.lost++;
      if (result.lostNumbers.length < NAMED) result.lostNumbers.push(n);
    }
    if (isAccepted && copies > 0) result.landed++;
    if (!isAccepted && copies > 0) result.unconfirmed++;
    if (copies > 1) {
      result.duplicated += copies - 1;
      if (result.duplicatedNumbers.length < NAMED) result.duplicatedNumbers.push(n);
    }
  }
  result.lost += Math.max(0, stored.distinct - rolledUp);
  result.duplicated += Math.max(0, rolledUp - stored.distinct);
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
