import {
  daysToNextActive,
  emptyHistory,
  HISTORY_FIELDS,
  readHistory,
  type ActiveDays,
  type PersonHistory,
} from './history.js';

/**
 * Everybody known at a past cutoff, and when each was active next. One row needs a person's key, the history at the cutoff and
 * the days to the next active day: labels of every horizon within `followedDays` follow from it.
 *
 * Kept as columns of 32 bits, 48 bytes a person.
 */
export interface Snapshot {
  /** Last day of which the histories know, days since 1970. */
  readonly cutoffDay: number;
  /** Whole days after the cutoff in which activity was seen or would have been seen. 0: a snapshot of now. */
  readonly followedDays: number;
  readonly people: number;
  key(row: number): number;
  read(row: number, into: PersonHistory): void;
  /** Days from the cutoff to the next active day; infinite: none within `followedDays`. */
  nextActiveIn(row: number): number;
}

export interface SnapshotBuilder {
  /**
   * @param key of the person, 32 bits; the same in each snapshot (`keyOfPerson`, or any good hash in SQL)
   * @param nextActiveIn days from the cutoff to the next active day, 1 for the day after it; null: none was seen
   */
  add(key: number, history: Readonly<PersonHistory>, nextActiveIn: number | null): void;
  build(): Snapshot;
}

/** @param expectedPeople columns grow on their own; a good guess saves copies. Default 1024 */
export function createSnapshot(
  cutoffDay: number,
  followedDays: number,
  expectedPeople = 1024,
): SnapshotBuilder {
  let capacity = Math.max(16, Math.ceil(expectedPeople));
  let people = 0;
  let keys = new Uint32Array(capacity);
  let next = new Float32Array(capacity);
  const columns = HISTORY_FIELDS.map(() => new Float32Array(capacity));

  function grow(): void {
    capacity *= 2;
    keys = copied(keys, new Uint32Array(capacity));
    next = copied(next, new Float32Array(capacity));
    for (let field = 0; field < columns.length; field += 1) {
      columns[field] = copied(columns[field]!, new Float32Array(capacity));
    }
  }

  return {
    add(key, history, nextActiveIn) {
      if (people === capacity) grow();
      keys[people] = key;
      next[people] =
        nextActiveIn === null || nextActiveIn > followedDays ? Number.POSITIVE_INFINITY : nextActiveIn;
      for (let field = 0; field < columns.length; field += 1) {
        columns[field]![people] = history[HISTORY_FIELDS[field]!];
      }
      people += 1;
    },
    build: () => ({
      cutoffDay,
      followedDays,
      people,
      key: (row) => keys[row]!,
      read(row, into) {
        for (let field = 0; field < columns.length; field += 1) {
          into[HISTORY_FIELDS[field]!] = columns[field]![row]!;
        }
      },
      nextActiveIn: (row) => next[row]!,
    }),
  };
}

/** A snapshot of people whose active days are at hand in whole; those who came after the cutoff are not in it. */
export function snapshotOf(people: Iterable<ActiveDays>, cutoffDay: number, followedDays: number): Snapshot {
  const builder = createSnapshot(cutoffDay, followedDays);
  const history = emptyHistory();
  for (const person of people) {
    if (!readHistory(person, cutoffDay, history)) continue;
    builder.add(person.key, history, followedDays > 0 ? daysToNextActive(person, cutoffDay) : null);
  }
  return builder.build();
}

function copied<Column extends Uint32Array | Float32Array>(from: Column, into: Column): Column {
  into.set(from);
  return into;
}
