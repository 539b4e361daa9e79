import { en, Faker } from '@faker-js/faker';
import { createCatalogue } from './catalogue.js';
import { playSession } from './journey.js';
import type { TrafficMessage } from './message.js';
import { createPeople, type Person } from './people.js';
import { createZoneRhythm, HOUR_MS } from './rhythm.js';

export interface TrafficOptions {
  /** The same options give the same messages, byte for byte. */
  seed: number;
  /** Messages to make. */
  events: number;
  /** Default 50. */
  users?: number;
  /** The messages' timestamps lie in `[startMs, endMs]`, milliseconds since the epoch. */
  startMs: number;
  endMs: number;
}

export const DEFAULT_USERS = 50;
/** Visits of one person are at least this far apart, where there is room. */
const REST_MS = 35 * 60_000;
/** Messages of an average visit; only a guess to start from. */
const TYPICAL_VISIT = 9;
/** A shorter range has no room for visits. */
export const SHORTEST_RANGE_MS = HOUR_MS;

/**
 * Believable traffic, in the order of its timestamps. Visits follow the hours and weekdays of each person's own zone.
 * Memory is bounded by one slot of time (an hour, or a part of the range where that is shorter), not by `events`.
 */
export function* generateTraffic(options: TrafficOptions): Generator<TrafficMessage, void, undefined> {
  const { seed, events, startMs, endMs } = options;
  if (!(endMs - startMs >= SHORTEST_RANGE_MS)) throw new RangeError('The range must be an hour or longer.');
  const faker = createFaker(seed);
  const catalogue = createCatalogue(faker);
  const people = createPeople(faker, options.users ?? DEFAULT_USERS);
  const chooser = createChooser(faker, people);

  let made = 0;
  let sent = 0;
  let weightSoFar = 0;
  let waiting: TrafficMessage[] = [];
  const slots = createSlots(chooser, startMs, endMs);
  const totalWeight = slots.reduce((sum, slot) => sum + slot.weight, 0);

  for (const slot of slots) {
    weightSoFar += slot.weight;
    const due = Math.round((events * weightSoFar) / totalWeight);
    while (made < due) {
      for (const visitStartMs of createVisitStarts(faker, slot, due - made)) {
        const person = chooser.personAt(visitStartMs);
        const visit = playSession(faker, person, catalogue, visitStartMs)
          // What would happen after the end of the range has not happened yet.
          .filter((message) => Date.parse(message.timestamp) <= endMs);
        made += visit.length;
        waiting.push(...visit);
        if (made >= due) break;
      }
    }
    waiting.sort(byTime);
    const isLast = slot.endMs >= endMs;
    const later = isLast ? -1 : waiting.findIndex((message) => Date.parse(message.timestamp) >= slot.endMs);
    const ready = later === -1 ? waiting : waiting.slice(0, later);
    waiting = later === -1 ? [] : waiting.slice(later);
    for (const message of ready) {
      // The last visits are cut off where the asked number is reached: some people just leave.
      if (sent === events) return;
      sent++;
      yield message;
    }
  }
}

export function createFaker(seed: number): Faker {
  const faker = new Faker({ locale: [en] });
  faker.seed(seed);
  return faker;
}

function byTime(a: TrafficMessage, b: TrafficMessage): number {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? -1 : 1;
  return a.messageId < b.messageId ? -1 : 1;
}

interface Slot {
  startMs: number;
  endMs: number;
  weight: number;
}

interface Chooser {
  /** How much happens at an instant, relative to other instants. */
  weightAt(instantMs: number): number;
  /** Someone likely to be active then, at rest before it where there is anybody. */
  personAt(instantMs: number): Person;
}

function createSlots(chooser: Chooser, startMs: number, endMs: number): Slot[] {
  const lengthMs = Math.min(HOUR_MS, endMs - startMs);
  const slots: Slot[] = [];
  for (let at = startMs; at < endMs; at += lengthMs) {
    const slotEndMs = Math.min(at + lengthMs, endMs);
    slots.push({
      startMs: at,
      endMs: slotEndMs,
      weight: chooser.weightAt((at + slotEndMs) / 2) * (slotEndMs - at),
    });
  }
  return slots;
}

function createChooser(faker: Faker, people: readonly Person[]): Chooser {
  const byZone = new Map<string, Person[]>();
  for (const person of people) {
    const members = byZone.get(person.timezone);
    if (members === undefined) byZone.set(person.timezone, [person]);
    else members.push(person);
  }
  const zones = [...byZone].map(([timezone, members]) => ({
    rhythm: createZoneRhythm(timezone),
    weight: members.reduce((sum, person) => sum + person.weight, 0),
    weighted: members.map((value) => ({ weight: value.weight, value })),
  }));
  const tries = 8;

  function candidateAt(instantMs: number): Person {
    const chosen = faker.helpers.weightedArrayElement(
      zones.map((value) => ({ weight: value.rhythm(instantMs) * value.weight, value })),
    );
    return faker.helpers.weightedArrayElement(chosen.weighted);
  }

  return {
    weightAt: (instantMs) => zones.reduce((sum, { rhythm, weight }) => sum + rhythm(instantMs) * weight, 0),
    personAt(instantMs) {
      let best = candidateAt(instantMs);
      for (let i = 1; i < tries && best.state.busyUntilMs + REST_MS > instantMs; i++) {
        const other = candidateAt(instantMs);
        if (other.state.busyUntilMs < best.state.busyUntilMs) best = other;
      }
      return best;
    },
  };
}

/** About as many instants as it takes visits to make `events` messages, in order, so that people's lives go forward. */
function createVisitStarts(faker: Faker, slot: Slot, events: number): number[] {
  const count = Math.ceil(events / TYPICAL_VISIT);
  const range = { min: slot.startMs, max: slot.endMs - 1 };
  return Array.from({ length: count }, () => faker.number.int(range)).sort((a, b) => a - b);
}
