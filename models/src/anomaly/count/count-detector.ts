import type { Detector, Evidence, Finding } from '../detector.js';
import { BUCKET_MS, type Direction, type MonitorOptions, type Point, type Verdict } from '../monitor.js';
import { UnusableStateError, type StateReader, type StateWriter } from '../state-bytes.js';
import { DriftSums, driftHeight, type DriftReading } from './drift.js';
import { Excursion } from './excursion.js';
import { dayNumberOf, LocalClock, type LocalTime } from './local-clock.js';
import { highestOrdinary, lnLowerTail, lnUpperTail, lowestOrdinary } from './negative-binomial.js';
import { RateCheck } from './rate-check.js';
import { RollUps } from './roll-ups.js';
import { SeasonalRate, type ExpectedRate } from './seasonal-rate.js';

const DAY_MS = 86_400_000;
const MONTH_MS = 30 * DAY_MS;

/** Days until something is expected, until dispersions are learnt, and until incidents may open. */
const DAYS_BEFORE = {
  within: { band: 2, dispersion: 7, alerts: 14 },
  days: { band: 14, dispersion: 14, alerts: 28 },
} as const;
/** What dispersions learnt in the warm-up count afterwards. */
const WARM_UP_WEIGHT = 0.25;
/** Parts of the budget of false alerts: windows of all scales, two suspicious buckets of three, slow drifts. */
const SHARES = { rollUps: 0.75, suspicions: 0.1, drift: 0.15 } as const;
/** An outage is worth more than a rise: parts of the budget where both directions are watched. */
const DIRECTION_SHARES = { up: 0.4, down: 0.6 } as const;
/**
 * Windows overlap: so many times the rate of one bucket's tail is the rate at which the most surprising of them opens an
 * incident, for so many events a bucket. With few events short windows cannot tell anything, and there are fewer to be
 * wrong; the shorter buckets are, the further out the threshold lies, and the more so. Found by simulation of counts that follow the model.
 */
function windowsAtOnce(mean: number, bucketsPerHour: number): number {
  const found = 0.9 + 0.24 * Math.log(mean) - 0.1 * Math.log(Math.max(1, bucketsPerHour));
  return Math.max(0.6, Math.min(1.75, found));
}
/** Deviations beyond which a bucket no longer moves the profile further. */
const CLIP = 3;
/** An incident that stays is the new level after so long; where nearly nothing came, later. */
const NEW_LEVEL_AFTER_DAYS = { shift: 2, silence: 7, silenceBelow: 0.1 } as const;
const CALM_LN_TAIL = Math.log(0.02);

/** Watches a seasonal count. Strictly causal, and the same work for each bucket however long the series is. */
export class CountDetector implements Detector {
  readonly name = 'seasonal_count';
  readonly version = 1;
  readonly #intervalMs: number;
  readonly #clock: LocalClock;
  readonly #holidays: ReadonlySet<number>;
  readonly #directions: ReadonlySet<Direction>;
  readonly #daysBefore: (typeof DAYS_BEFORE)[keyof typeof DAYS_BEFORE];
  /** Budget of each direction, incidents a bucket. */
  readonly #alertsPerBucket: Record<Direction, number>;
  readonly #driftHeight: Record<Direction, number>;
  readonly #rate: SeasonalRate;
  readonly #rollUps: RollUps;
  readonly #drift = new DriftSums();
  readonly #check: RateCheck;
  readonly #excursion = new Excursion();
  #firstMs = Number.NaN;
  #lastMs = Number.NaN;
  #isWarm = false;

  constructor(options: MonitorOptions, saved?: StateReader) {
    this.#intervalMs = BUCKET_MS[options.interval];
    this.#clock = new LocalClock(options.timeZone);
    this.#holidays = new Set((options.holidays ?? []).map(dayNumberOf));
    this.#directions = new Set(options.directions ?? ['up', 'down']);
    this.#daysBefore = this.#intervalMs < DAY_MS ? DAYS_BEFORE.within : DAYS_BEFORE.days;
    const { falseAlertsPerMonth = 1 } = options;
    const shares = this.#directions.size === 1 ? { up: 1, down: 1 } : DIRECTION_SHARES;
    const bucketsPerMonth = MONTH_MS / this.#intervalMs;
    this.#alertsPerBucket = {
      up: (falseAlertsPerMonth * shares.up) / bucketsPerMonth,
      down: (falseAlertsPerMonth * shares.down) / bucketsPerMonth,
    };
    this.#driftHeight = {
      up: driftHeight(30 / (falseAlertsPerMonth * shares.up * SHARES.drift)),
      down: driftHeight(30 / (falseAlertsPerMonth * shares.down * SHARES.drift)),
    };
    this.#rate = new SeasonalRate(this.#intervalMs);
    this.#rollUps = new RollUps(DAY_MS / this.#intervalMs);
    this.#check = new RateCheck(this.#intervalMs, (SHARES.rollUps * falseAlertsPerMonth) / bucketsPerMonth);
    if (saved) this.#read(saved);
  }

  step(point: Point): Finding {
    const { startMs, value } = point;
    if (value !== null && !(value >= 0 && Number.isFinite(value))) {
      throw new RangeError('A count is a number from zero up, or null where it is not known.');
    }
    const time = this.#clock.at(startMs);
    if (Number.isNaN(this.#firstMs)) this.#firstMs = startMs;
    this.#passGap(startMs);
    const days = (startMs - this.#firstMs) / DAY_MS;
    const isHoliday = this.#holidays.has(time.dayNumber);
    if (!this.#isWarm && days >= this.#daysBefore.alerts) {
      this.#isWarm = true;
      this.#rollUps.fadeDispersions(WARM_UP_WEIGHT);
    }

    const expected = this.#rate.expect(time, isHoliday);
    if (value === null || expected === null) {
      if (value !== null) this.#rate.start(value);
      this.#pass(1);
      return {
        verdict: this.#verdict(startMs, value, days, expected),
        evidence: null,
        suspicion: null,
        isOver: this.#isOverByTime(),
      };
    }
    const verdict = this.#verdict(startMs, value, days, expected);
    return this.#excursion.isOpen
      ? this.#follow(verdict, value, expected)
      : this.#watch(verdict, value, expected, time, isHoliday, days);
  }

  incidentOpened(direction: Direction): void {
    this.#excursion.open(direction, 0, 0);
  }

  incidentResolved(): void {
    this.#excursion.close();
    this.#rollUps.forgetWindows();
    this.#drift.restart();
  }

  write(to: StateWriter): void {
    to.number(this.version)
      .number(this.#firstMs)
      .number(this.#lastMs)
      .number(this.#isWarm ? 1 : 0);
    this.#rate.write(to);
    this.#rollUps.write(to);
    this.#drift.write(to);
    this.#check.write(to);
    this.#excursion.write(to);
  }

  #read(from: StateReader): void {
    const version = from.number();
    if (version !== this.version) {
      throw new UnusableStateError(
        `The state is of version ${version} of the detector, which is ${this.version}.`,
      );
    }
    this.#firstMs = from.number();
    this.#lastMs = from.number();
    this.#isWarm = from.number() === 1;
    this.#rate.read(from);
    this.#rollUps.read(from);
    this.#drift.read(from);
    this.#check.read(from);
    this.#excursion.read(from);
  }

  #watch(
    verdict: Verdict,
    count: number,
    expected: ExpectedRate,
    time: LocalTime,
    isHoliday: boolean,
    days: number,
  ): Finding {
    const { mean, uncertainty, sharedUncertainty } = expected;
    const spread = this.#rollUps.spreadOf(uncertainty);
    this.#rollUps.add(count, mean, uncertainty, sharedUncertainty);
    const learnsDispersion = days >= this.#daysBefore.dispersion;
    const drift = learnsDispersion
      ? this.#drift.add(time.dayNumber, verdict.startMs, count, mean, spread * mean * mean)
      : null;

    const evidence = this.#isWarm ? this.#evidence(verdict.startMs, drift) : null;
    const deviation = Math.sqrt(mean + spread * mean * mean);
    const clipped = Math.max(-CLIP * deviation, Math.min(CLIP * deviation, count - mean));
    if (learnsDispersion) this.#rollUps.learn();
    if (evidence === null || evidence.surprise < evidence.threshold) {
      this.#rate.learn(time, isHoliday, 1 + clipped / mean, 1 / mean + this.#rollUps.spreadOf(0));
    }
    return { verdict, evidence, suspicion: this.#suspicion(verdict, count, mean, spread), isOver: false };
  }

  /** While an incident is open the profile stands still. */
  #follow(verdict: Verdict, count: number, { mean, uncertainty }: ExpectedRate): Finding {
    const spread = this.#rollUps.spreadOf(uncertainty);
    const direction = count > mean ? 'up' : 'down';
    const lnTail = lnTailOf(direction, count, mean, spread);
    const isRecovered = this.#excursion.add(count, mean, mean + spread * mean * mean, lnTail > CALM_LN_TAIL);
    // What was too few and is too many by far is another incident: the next bucket can open it.
    const isTurned =
      direction !== this.#excursion.direction && lnTail < Math.log(this.#alertsPerBucket[direction]);
    const isOver = isRecovered || isTurned || this.#isOverByTime();
    return { verdict, evidence: null, suspicion: null, isOver };
  }

  #evidence(startMs: number, drift: DriftReading | null): Evidence | null {
    const judged = this.#rollUps.judge();
    const atOnce = windowsAtOnce(this.#rollUps.usualMean(), 3_600_000 / this.#intervalMs);
    let strongest: Evidence | null = null;
    let excess = Number.NEGATIVE_INFINITY;
    for (const direction of this.#directions) {
      const window = judged[direction];
      if (window === null) continue;
      const threshold = Math.log(atOnce / (SHARES.rollUps * this.#alertsPerBucket[direction]));
      if (window.surprise - threshold <= excess) continue;
      excess = window.surprise - threshold;
      const sinceMs = startMs - (window.buckets - 1) * this.#intervalMs;
      strongest = { direction, sinceMs, surprise: window.surprise, threshold };
    }
    this.#check.add(excess);
    if (strongest !== null) strongest.threshold += this.#check.correction;
    if (drift === null || !this.#directions.has(drift.direction)) return strongest;
    // Heights of the sum are exponential with rate 2k = 1 far out, so they compare with surprises.
    const above = drift.sum - this.#driftHeight[drift.direction];
    if (above < 0 || (strongest !== null && strongest.surprise >= strongest.threshold)) return strongest;
    const threshold = -Math.log(SHARES.drift * this.#alertsPerBucket[drift.direction]);
    return { direction: drift.direction, sinceMs: drift.sinceMs, surprise: threshold + above, threshold };
  }

  #suspicion(verdict: Verdict, count: number, mean: number, spread: number): Finding['suspicion'] {
    const direction = count > mean ? 'up' : 'down';
    if (!this.#isWarm || !this.#directions.has(direction)) return null;
    const threshold =
      -0.5 * (Math.log((SHARES.suspicions * this.#alertsPerBucket[direction]) / 2) - this.#check.correction);
    if (-Math.log(verdict.tailProbability) < threshold - 1) return null;
    const lnTail = direction === 'up' ? lnUpperTail(count, mean, spread) : lnLowerTail(count, mean, spread);
    return { direction, surprise: -lnTail, threshold };
  }

  #verdict(startMs: number, value: number | null, days: number, expected: ExpectedRate | null): Verdict {
    if (expected === null || days < this.#daysBefore.band) {
      return {
        startMs,
        observed: value,
        expected: null,
        lower: null,
        upper: null,
        tailProbability: 1,
        direction: null,
        isAnomalous: false,
      };
    }
    const { mean } = expected;
    const spread = this.#rollUps.spreadOf(expected.uncertainty);
    const lower = lowestOrdinary(mean, spread, Math.log(this.#alertsPerBucket.down));
    const upper = highestOrdinary(mean, spread, Math.log(this.#alertsPerBucket.up));
    const known = { startMs, observed: value, expected: mean, lower, upper };
    if (value === null) return { ...known, tailProbability: 1, direction: null, isAnomalous: false };
    const direction = value > mean ? 'up' : 'down';
    const lnTail = direction === 'up' ? lnUpperTail(value, mean, spread) : lnLowerTail(value, mean, spread);
    return {
      ...known,
      tailProbability: Math.min(1, this.#directions.size * Math.exp(lnTail)),
      direction,
      isAnomalous: this.#isWarm && this.#directions.has(direction) && (value < lower || value > upper),
    };
  }

  /** Missing buckets are unknown ones. */
  #passGap(startMs: number): void {
    const missing = Number.isNaN(this.#lastMs)
      ? 0
      : Math.round((startMs - this.#lastMs) / this.#intervalMs) - 1;
    if (missing > 0) this.#pass(missing);
    this.#lastMs = startMs;
  }

  #pass(buckets: number): void {
    if (this.#excursion.isOpen) this.#excursion.pass(buckets);
    else this.#rollUps.pass(buckets);
  }

  /** What stays is no incident any more but how it is: its level becomes the expected one. */
  #isOverByTime(): boolean {
    if (!this.#excursion.isOpen) return false;
    const { shift, silence, silenceBelow } = NEW_LEVEL_AFTER_DAYS;
    const days = (this.#excursion.buckets * this.#intervalMs) / DAY_MS;
    const { ratio } = this.#excursion;
    const least = this.#intervalMs < DAY_MS ? 1 : 3;
    if (days < least * (ratio < silenceBelow ? silence : shift)) return false;
    this.#rate.shiftLevel(Math.max(ratio, 1e-3));
    return true;
  }
}

function lnTailOf(direction: Direction, count: number, mean: number, spread: number): number {
  return direction === 'up' ? lnUpperTail(count, mean, spread) : lnLowerTail(count, mean, spread);
}
