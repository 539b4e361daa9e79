/**
 * What is known of a person at a cutoff. The cutoff is a day, known to its end. Activity is counted in days on which somebody
 * was active, however often; times are whole days before the cutoff.
 */
export interface PersonHistory {
  /** Since the first active day: 0 for one whose first day is the cutoff. */
  age: number;
  /** Since the last active day: 0 for one active on the cutoff, never more than `age`. */
  recency: number;
  /** Active days after the first one. */
  repeats: number;
  /** Active days within the last 7, 30 and 90 days, the cutoff among them. */
  active7: number;
  active30: number;
  active90: number;
  /** Events in all. */
  events: number;
  /** Money spent in all, and on how many days; 0 where nothing is sold. */
  value: number;
  valueDays: number;
}

export const HISTORY_FIELDS = [
  'age',
  'recency',
  'repeats',
  'active7',
  'active30',
  'active90',
  'events',
  'value',
  'valueDays',
] as const satisfies readonly (keyof PersonHistory)[];

export function emptyHistory(): PersonHistory {
  return {
    age: 0,
    recency: 0,
    repeats: 0,
    active7: 0,
    active30: 0,
    active90: 0,
    events: 0,
    value: 0,
    valueDays: 0,
  };
}

/** The days of one person, for histories that are at hand in whole. */
export interface ActiveDays {
  /** Decides, with nothing else, into which sample and fold a person falls. See `keyOfPerson`. */
  key: number;
  /** Active days, days since 1970, ascending, each once. */
  days: readonly number[];
  /** Events and money of each of these days; by default one event and no money. */
  events?: readonly number[];
  values?: readonly number[];
}

/** Fills `into` with what was known of a person at the end of `cutoffDay`; false: nothing, the person was not there yet. */
export function readHistory(person: ActiveDays, cutoffDay: number, into: PersonHistory): boolean {
  const { days } = person;
  const first = days[0];
  if (first === undefined || first > cutoffDay) return false;
  into.age = cutoffDay - first;
  into.repeats = -1;
  into.active7 = into.active30 = into.active90 = 0;
  into.events = into.value = into.valueDays = 0;
  for (let i = 0; i < days.length; i += 1) {
    const day = days[i]!;
    if (day > cutoffDay) break;
    const before = cutoffDay - day;
    into.recency = before;
    into.repeats += 1;
    if (before < 7) into.active7 += 1;
    if (before < 30) into.active30 += 1;
    if (before < 90) into.active90 += 1;
    into.events += person.events?.[i] ?? 1;
    const value = person.values?.[i] ?? 0;
    if (value > 0) {
      into.value += value;
      into.valueDays += 1;
    }
  }
  return true;
}

/** Days from the cutoff to the first active day after it, at least 1; null: there is none in what is known. */
export function daysToNextActive(person: ActiveDays, cutoffDay: number): number | null {
  for (const day of person.days) if (day > cutoffDay) return day - cutoffDay;
  return null;
}
