const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Where an instant lies in its zone's own day. */
export interface LocalTime {
  /** Days since 1970-01-01, of the local date. */
  dayNumber: number;
  /** 0: Sunday. */
  weekday: number;
  /** Milliseconds since local midnight by the clock on the wall: a skipped hour never comes, a repeated one comes twice. */
  sinceMidnightMs: number;
}

/**
 * Tells local time. `Intl` is asked once a UTC day: offsets at both of its ends are kept, and where they differ the minute
 * of the change is searched for.
 */
export class LocalClock {
  readonly #format: Intl.DateTimeFormat;
  #dayStartMs = Number.NaN;
  #offsetBeforeMs = 0;
  #offsetAfterMs = 0;
  #changeMs = Number.POSITIVE_INFINITY;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  at(instantMs: number): LocalTime {
    const localMs = instantMs + this.#offsetMs(instantMs);
    const dayNumber = Math.floor(localMs / DAY_MS);
    return {
      dayNumber,
      weekday: (((dayNumber + 4) % 7) + 7) % 7,
      sinceMidnightMs: localMs - dayNumber * DAY_MS,
    };
  }

  #offsetMs(instantMs: number): number {
    const dayStartMs = Math.floor(instantMs / DAY_MS) * DAY_MS;
    if (dayStartMs !== this.#dayStartMs) {
      const isNextDay = dayStartMs === this.#dayStartMs + DAY_MS;
      this.#offsetBeforeMs = isNextDay ? this.#offsetAfterMs : this.#askOffsetMs(dayStartMs);
      this.#offsetAfterMs = this.#askOffsetMs(dayStartMs + DAY_MS);
      this.#dayStartMs = dayStartMs;
      this.#changeMs =
        this.#offsetBeforeMs === this.#offsetAfterMs ? Number.POSITIVE_INFINITY : this.#findChangeMs();
    }
    return instantMs < this.#changeMs ? this.#offsetBeforeMs : this.#offsetAfterMs;
  }

  #findChangeMs(): number {
    let before = this.#dayStartMs;
    let after = this.#dayStartMs + DAY_MS;
    while (after - before > MINUTE_MS) {
      const middle = before + Math.floor((after - before) / 2 / MINUTE_MS) * MINUTE_MS;
      if (this.#askOffsetMs(middle) === this.#offsetBeforeMs) before = middle;
      else after = middle;
    }
    return after;
  }

  #askOffsetMs(instantMs: number): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.#format.formatToParts(instantMs)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instantMs / 1000) * 1000;
  }
}

/** `2026-12-25` as days since 1970-01-01. Anything else throws a RangeError. */
export function dayNumberOf(localDate: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(localDate) ? Date.parse(`${localDate}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new RangeError(`Not a date of the form 2026-12-25: ${localDate}`);
  return ms / DAY_MS;
}
