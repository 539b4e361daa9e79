import type { LocalTime } from './local-clock.js';
import type { StateReader, StateWriter } from '../state-bytes.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** How far a factor may lie from what it refines: variance of its logarithm before anything was seen. */
const PRIOR_VARIANCE = { hour: 1, fine: 0.03, weekday: 0.15, weekHour: 0.04, holiday: 0.15 } as const;
/** Visits a factor remembers: four weeks of a time of day, eight of a time of week. */
const DAYS_REMEMBERED = 28;
/** No holiday is quite like another, nor its hours like a Sunday's. */
const HOLIDAY_VARIANCE = { next: 0.08, least: 0.02 } as const;
const WEEKS_REMEMBERED = 8;
const LEVEL_DAYS = 10;
/** Growth is followed four times as slowly as the level (critical damping), from the third week on. */
const GROWTH = { days: 40, fromDay: 14, mostADay: 0.03 } as const;
/** Nobody knows a level better than this (variance of its logarithm). */
const LEVEL_FLOOR = 1e-4;
/**
 * The factors of a bucket err against each other, which a diagonal covariance does not know: the error of their product is
 * about half of the sum of their variances (measured on simulated counts, hours and five minutes, 5 to 500 a bucket).
 */
const OWN_SHARE = 0.5;
/** Cells of a day below hours. Finer buckets share one. */
const FINEST_MS = 300_000;

export interface ExpectedRate {
  /** Events expected in the bucket. */
  mean: number;
  /** Relative variance of `mean` itself: how well the profile is known. */
  uncertainty: number;
  /** The part of it that is the same for all buckets of one holiday. */
  sharedUncertainty: number;
}

/**
 * The rate of a seasonal count: level × hour of day × finer time of day × weekday × hour of week, each a factor that is
 * learnt online. The hour factors are points between which is drawn a straight line.
 *
 * One step is one of an extended Kalman filter over the logarithms of the factors with a diagonal covariance, in the form of
 * the Gamma-Poisson update: a factor f with relative variance V moves by f·(1 + V/S·(x/mean - 1)), S being the sum of the
 * relative variances of all factors and of the count. With one factor and no overdispersion that is the posterior mean of a
 * Gamma prior. A factor of which little is known so stays with what it refines: weekdays shrink to the day's profile.
 * The level is a mean that forgets exponentially, and grows by a rate that is learnt from its moves (Holt's linear trend).
 * Forgetting is exponential: a variance grows at each visit by what makes its memory as long as stated above.
 */
export class SeasonalRate {
  readonly #intervalMs: number;
  readonly #hour: Factors | null;
  readonly #fine: Factors | null;
  readonly #weekday: Factors;
  readonly #weekHour: Factors | null;
  readonly #holiday: Factors;
  #level = Number.NaN;
  #levelInformation = 0;
  /** Of the logarithm of the level, a day. */
  #growth = 0;
  #bucketsSeen = 0;
  #holidayNumber = Number.NaN;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
    const perHour = Math.max(1, HOUR_MS / intervalMs);
    const perDay = Math.max(1, DAY_MS / intervalMs);
    const isWithinDays = intervalMs < DAY_MS;
    const fineCells = intervalMs < HOUR_MS ? DAY_MS / Math.max(FINEST_MS, intervalMs) : 0;
    this.#hour = isWithinDays ? new Factors(24, PRIOR_VARIANCE.hour, DAYS_REMEMBERED * perHour) : null;
    this.#fine = fineCells
      ? new Factors(fineCells, PRIOR_VARIANCE.fine, (DAYS_REMEMBERED * perDay) / fineCells)
      : null;
    this.#weekday = new Factors(7, PRIOR_VARIANCE.weekday, WEEKS_REMEMBERED * perDay);
    this.#weekHour = isWithinDays
      ? new Factors(168, PRIOR_VARIANCE.weekHour, WEEKS_REMEMBERED * perHour)
      : null;
    this.#holiday = new Factors(1, PRIOR_VARIANCE.holiday, WEEKS_REMEMBERED * perDay);
  }

  /** Null before the first bucket. */
  expect(time: LocalTime, isHoliday: boolean): ExpectedRate | null {
    if (Number.isNaN(this.#level)) return null;
    if (isHoliday && time.dayNumber !== this.#holidayNumber) {
      this.#holidayNumber = time.dayNumber;
      this.#holiday.widen(HOLIDAY_VARIANCE.next);
    }
    this.#aim(time, isHoliday);
    const factors = this.#factorsOf(isHoliday);
    let mean = this.#level;
    let uncertainty = this.#levelVariance();
    for (const each of factors) {
      mean *= each.value();
      uncertainty += each.variance();
    }
    const sharedUncertainty = isHoliday ? this.#holiday.variance() : 0;
    uncertainty = OWN_SHARE * (uncertainty - sharedUncertainty) + sharedUncertainty;
    return { mean, uncertainty, sharedUncertainty };
  }

  /**
   * @param ratio observed / expected, already clipped
   * @param noise relative variance of the count, given its rate
   */
  learn(time: LocalTime, isHoliday: boolean, ratio: number, noise: number): void {
    this.#aim(time, isHoliday);
    this.#bucketsSeen += 1;
    const isFirstDay = this.#hour !== null && this.#bucketsSeen * this.#intervalMs < DAY_MS;
    if (isFirstDay) {
      this.#hour.move(ratio - 1, noise + this.#hour.variance());
      return;
    }
    const learning = isHoliday ? [this.#holiday] : this.#factorsOf(false);
    let total = noise + this.#levelVariance();
    for (const each of this.#factorsOf(isHoliday)) total += each.variance();
    for (const each of learning) each.move(ratio - 1, total);
    if (isHoliday) this.#holiday.widen(HOLIDAY_VARIANCE.least);
    if (!isHoliday) {
      const information = 1 / (total - this.#levelVariance() + LEVEL_FLOOR);
      this.#levelInformation =
        this.#levelInformation * Math.exp(-this.#intervalMs / DAY_MS / LEVEL_DAYS) + information;
      const move = (information / this.#levelInformation) * (ratio - 1);
      const days = this.#intervalMs / DAY_MS;
      if (this.#bucketsSeen * days >= GROWTH.fromDay) {
        const growth = this.#growth + move / GROWTH.days;
        this.#growth = Math.max(-GROWTH.mostADay, Math.min(GROWTH.mostADay, growth));
      }
      this.#level *= (1 + move) * Math.exp(this.#growth * days);
    }
  }

  start(value: number): void {
    this.#level = Math.max(value, 0.25);
    this.#levelInformation = 1;
  }

  get hasStarted(): boolean {
    return !Number.isNaN(this.#level);
  }

  /** What came and stayed is the new level; the next days say how much of it. */
  shiftLevel(ratio: number): void {
    this.#level = Math.max(this.#level * ratio, 1e-6);
    this.#levelInformation = Math.min(this.#levelInformation, 100);
  }

  write(to: StateWriter): void {
    to.number(this.#level)
      .number(this.#levelInformation)
      .number(this.#growth)
      .number(this.#bucketsSeen)
      .number(this.#holidayNumber);
    for (const each of this.#all()) each.write(to);
  }

  read(from: StateReader): void {
    this.#level = from.number();
    this.#levelInformation = from.number();
    this.#growth = from.number();
    this.#bucketsSeen = from.number();
    this.#holidayNumber = from.number();
    for (const each of this.#all()) each.read(from);
  }

  #levelVariance(): number {
    return 0.5 / this.#levelInformation + LEVEL_FLOOR;
  }

  #all(): Factors[] {
    return [this.#hour, this.#fine, this.#weekday, this.#weekHour, this.#holiday].filter(
      (each) => each !== null,
    );
  }

  #factorsOf(isHoliday: boolean): Factors[] {
    return isHoliday ? this.#all() : this.#all().slice(0, -1);
  }

  #aim(time: LocalTime, isHoliday: boolean): void {
    const middleMs = time.sinceMidnightMs + Math.min(this.#intervalMs, DAY_MS) / 2;
    const weekday = isHoliday ? 0 : time.weekday;
    this.#weekday.aim(weekday, 0, 0);
    this.#holiday.aim(0, 0, 0);
    if (this.#hour === null) return;
    const position = middleMs / HOUR_MS - 0.5;
    const before = Math.floor(position);
    const share = position - before;
    this.#hour.aim((before + 24) % 24, (before + 1) % 24, share);
    const hourOfWeek = weekday * 24 + before;
    this.#weekHour?.aim((hourOfWeek + 168) % 168, (hourOfWeek + 1) % 168, share);
    const cells = this.#fine?.length ?? 0;
    this.#fine?.aim(Math.min(cells - 1, Math.floor((middleMs / DAY_MS) * cells)), 0, 0);
  }
}

/** Factors of one kind; those that are aimed at count for the bucket: one, or two of which each has its share. */
class Factors {
  readonly #logarithms: Float32Array;
  readonly #variances: Float32Array;
  readonly #prior: number;
  readonly #forgetting: number;
  #first = 0;
  #second = 0;
  #share = 0;

  constructor(length: number, prior: number, visitsRemembered: number) {
    this.#logarithms = new Float32Array(length);
    this.#variances = new Float32Array(length).fill(prior);
    this.#prior = prior;
    this.#forgetting = 1 + 1 / visitsRemembered;
  }

  get length(): number {
    return this.#logarithms.length;
  }

  aim(first: number, second: number, share: number): void {
    this.#first = first;
    this.#second = second;
    this.#share = share;
  }

  value(): number {
    const first = this.#logarithms[this.#first]!;
    if (this.#share === 0) return Math.exp(first);
    return Math.exp((1 - this.#share) * first + this.#share * this.#logarithms[this.#second]!);
  }

  variance(): number {
    const first = this.#variances[this.#first]!;
    if (this.#share === 0) return first;
    const second = this.#variances[this.#second]!;
    return (1 - this.#share) ** 2 * first + this.#share ** 2 * second;
  }

  /** @param total relative variance of the count around what was expected, from all that is uncertain */
  move(surprise: number, total: number): void {
    this.#moveOne(this.#first, 1 - this.#share, surprise, total);
    if (this.#share > 0) this.#moveOne(this.#second, this.#share, surprise, total);
  }

  /** All are at least as uncertain as this. */
  widen(variance: number): void {
    for (let i = 0; i < this.#variances.length; i++) {
      this.#variances[i] = Math.max(this.#variances[i]!, variance);
    }
  }

  write(to: StateWriter): void {
    to.singles(this.#logarithms).singles(this.#variances);
  }

  read(from: StateReader): void {
    from.singlesInto(this.#logarithms);
    from.singlesInto(this.#variances);
  }

  #moveOne(cell: number, share: number, surprise: number, total: number): void {
    const variance = this.#variances[cell]!;
    const gain = (variance * share) / total;
    this.#logarithms[cell]! += Math.log1p(Math.max(-0.9, gain * surprise));
    const left = variance * (1 - gain * share);
    this.#variances[cell] = Math.min(this.#prior, left * (1 + (this.#forgetting - 1) * share));
  }
}
