/** How often each numbered message was seen, in a byte a message. */
export interface Tally {
  add(n: number): void;
  countOf(n: number): number;
  /** Numbers seen at least once. */
  readonly distinct: number;
  /** Sightings over all numbers. */
  readonly total: number;
  /** One more than the largest number seen. */
  readonly end: number;
}

const MOST = 255;

export function createTally(): Tally {
  let counts = new Uint8Array(1_024);
  let distinct = 0;
  let total = 0;
  let end = 0;
  return {
    add(n) {
      if (n >= counts.length) {
        const larger = new Uint8Array(Math.max(counts.length * 2, n + 1));
        larger.set(counts);
        counts = larger;
      }
      const seen = counts[n] ?? 0;
      if (seen === 0) distinct++;
      if (seen < MOST) counts[n] = seen + 1;
      total++;
      end = Math.max(end, n + 1);
    },
    countOf: (n) => counts[n] ?? 0,
    get distinct() {
      return distinct;
    },
    get total() {
      return total;
    },
    get end() {
      return end;
    },
  };
}
