import type { Place, Season } from './season.js';

/** Visits after which a place of the week is believed as much as what its hour and weekday say. Weekdays alone stand for themselves. */
const PRIOR_VISITS = 0.5;
/** … and events: of few events, a place says little about itself. */
const PRIOR_EVENTS = 8;
/** Memory of a place of the week, visits. */
const PLACE_MEMORY = 8;

/**
 * What share of the level each place of the week has. Every share is a sum of values over a sum of levels, both fading: for
 * counts that is the most likely one. A place is drawn towards the product of its time of day and its weekday, the more
 * so the less was seen of it.
 */
export interface Profile {
  at(place: Place, level: number): number;
  see(place: Place, value: number, level: number): void;
  /** Share of each time of day, and of each weekday, mean 1. */
  shares(): { ofDay: number[]; weekday: number[] };
}

class Ratios {
  readonly values: Float64Array;
  readonly levels: Float64Array;
  constructor(
    size: number,
    private readonly keep: number,
  ) {
    this.values = new Float64Array(size);
    this.levels = new Float64Array(size);
  }
  see(index: number, value: number, level: number): void {
    this.values[index] = this.values[index]! * this.keep + value;
    this.levels[index] = this.levels[index]! * this.keep + level;
  }
  at(index: number, prior: number, priorLevel: number): number {
    return (this.values[index]! + prior * priorLevel) / (this.levels[index]! + priorLevel);
  }
}

export function createProfile({ perDay }: Season): Profile {
  if (perDay === 0) {
    return { at: () => 1, see: () => undefined, shares: () => ({ ofDay: [], weekday: [] }) };
  }
  const keepVisit = Math.exp(-1 / PLACE_MEMORY);
  const keepDay = Math.exp(-1 / (7 * PLACE_MEMORY));
  const places = new Ratios(perDay * 7, keepVisit);
  const ofDay = new Ratios(perDay, keepDay);
  const weekdays = new Ratios(7, Math.exp(-1 / (PLACE_MEMORY * perDay)));
  const all = new Ratios(1, Math.exp(-1 / (7 * PLACE_MEMORY * perDay)));

  function at({ ofDay: slot, weekday }: Place, level: number): number {
    const base = Math.max(level, 1e-12);
    const whole = all.at(0, 1, base);
    const prior =
      perDay === 1 ? whole : (ofDay.at(slot, whole, base) * weekdays.at(weekday, whole, base)) / whole;
    return places.at(weekday * perDay + slot, prior, base * (perDay === 1 ? 0 : PRIOR_VISITS) + PRIOR_EVENTS);
  }

  const normal = (shares: number[]): number[] => {
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    return shares.map((share) => (mean > 0 ? share / mean : 1));
  };

  return {
    at,
    see(place, value, level) {
      places.see(place.weekday * perDay + place.ofDay, value, level);
      ofDay.see(place.ofDay, value, level);
      weekdays.see(place.weekday, value, level);
      all.see(0, value, level);
    },
    shares: () => ({
      ofDay: normal(Array.from({ length: perDay }, (_, slot) => ofDay.at(slot, 1, 1e-12))),
      weekday: normal(Array.from({ length: 7 }, (_, weekday) => weekdays.at(weekday, 1, 1e-12))),
    }),
  };
}
