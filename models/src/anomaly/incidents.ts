import type { Finding } from './detector.js';
import type { Direction, Transition } from './monitor.js';
import type { StateReader, StateWriter } from './state-bytes.js';

/** Two suspicious buckets of three, on one side, open an incident. */
export const SUSPICIONS = { needed: 2, of: 3 } as const;

/** Something at the same local time on an earlier day: how near, for how long it is remembered, how much stronger. */
const SAME_TIME = { withinMs: 20 * 60_000, days: 14, remembered: 16, factor: 1.1 } as const;
const DAY_MS = 86_400_000;
/** A false alarm halves the rate of alerts that is aimed at, down to an eighth; a true one doubles it, up to the configured. */
const FEEDBACK = { factor: 2, most: 8 } as const;

/**
 * Makes incidents of findings. One is open at a time.
 *
 * It opens with a bucket that is overwhelming by itself, or with two suspicious buckets of three. It is over when the
 * detector says so, which asks for more than one ordinary bucket. What comes at the same time of day as something on an
 * earlier day has to be a tenth more surprising: a nightly job is known by its second night.
 */
export class Incidents {
  readonly #intervalMs: number;
  /** Buckets since the last suspicious ones and their sides: 0 none, 1 up, -1 down. */
  readonly #suspicions = new Float64Array(SUSPICIONS.of);
  readonly #suspicionStartsMs = new Float64Array(SUSPICIONS.of);
  /** Local day and time of day of earlier openings, the oldest overwritten. */
  readonly #openedDays = new Float64Array(SAME_TIME.remembered).fill(-1e9);
  readonly #openedTimesMs = new Float64Array(SAME_TIME.remembered);
  #openings = 0;
  #open: Direction | null = null;
  #strictness = 1;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  get open(): Direction | null {
    return this.#open;
  }

  /**
   * @param local the bucket's local day (days since 1970) and milliseconds since its midnight
   */
  step(finding: Finding, local: { dayNumber: number; sinceMidnightMs: number }): Transition {
    if (this.#open !== null) {
      if (!finding.isOver) return { kind: 'continued' };
      this.#open = null;
      this.#suspicions.fill(0);
      return { kind: 'resolved' };
    }
    const opening = this.#opening(finding, local);
    if (opening === null) return { kind: 'none' };
    this.#open = opening.direction;
    this.#openedDays[this.#openings % SAME_TIME.remembered] = local.dayNumber;
    this.#openedTimesMs[this.#openings % SAME_TIME.remembered] = local.sinceMidnightMs;
    this.#openings += 1;
    return { kind: 'opened', ...opening };
  }

  learn(feedback: 'true_alarm' | 'false_alarm'): void {
    this.#strictness =
      feedback === 'false_alarm'
        ? Math.min(FEEDBACK.most, this.#strictness * FEEDBACK.factor)
        : Math.max(1, this.#strictness / FEEDBACK.factor);
  }

  write(to: StateWriter): void {
    to.numbers(this.#suspicions).numbers(this.#suspicionStartsMs);
    to.numbers(this.#openedDays).numbers(this.#openedTimesMs).number(this.#openings);
    to.number(this.#open === null ? 0 : this.#open === 'up' ? 1 : -1).number(this.#strictness);
  }

  read(from: StateReader): void {
    from.numbersInto(this.#suspicions);
    from.numbersInto(this.#suspicionStartsMs);
    from.numbersInto(this.#openedDays);
    from.numbersInto(this.#openedTimesMs);
    this.#openings = from.number();
    const open = from.number();
    this.#open = open === 0 ? null : open > 0 ? 'up' : 'down';
    this.#strictness = from.number();
  }

  #opening(
    { verdict, evidence, suspicion }: Finding,
    local: { dayNumber: number; sinceMidnightMs: number },
  ): { direction: Direction; sinceMs: number } | null {
    const factor = this.#happenedBefore(local) ? SAME_TIME.factor : 1;
    const stricter = Math.log(this.#strictness);
    const enough = (of: { surprise: number; threshold: number }, share: number): boolean =>
      of.surprise >= factor * of.threshold + share * stricter;

    const side = suspicion !== null && enough(suspicion, 1 / SUSPICIONS.needed) ? suspicion.direction : null;
    const sinceMs = this.#noteSuspicion(side, verdict.startMs);
    if (evidence !== null && enough(evidence, 1)) {
      return { direction: evidence.direction, sinceMs: evidence.sinceMs };
    }
    return side !== null && sinceMs !== null ? { direction: side, sinceMs } : null;
  }

  /** Start of the earliest of enough suspicious buckets on one side, or null while they are too few. */
  #noteSuspicion(side: Direction | null, startMs: number): number | null {
    this.#suspicions.copyWithin(0, 1);
    this.#suspicionStartsMs.copyWithin(0, 1);
    const sign = side === null ? 0 : side === 'up' ? 1 : -1;
    this.#suspicions[SUSPICIONS.of - 1] = sign;
    this.#suspicionStartsMs[SUSPICIONS.of - 1] = startMs;
    const earliestMs = startMs - (SUSPICIONS.of - 1) * this.#intervalMs * 1.1;
    let found = 0;
    let sinceMs = startMs;
    for (let i = SUSPICIONS.of - 1; i >= 0; i--) {
      if (sign === 0 || this.#suspicions[i] !== sign || this.#suspicionStartsMs[i]! < earliestMs) continue;
      found += 1;
      sinceMs = this.#suspicionStartsMs[i]!;
    }
    return found >= SUSPICIONS.needed ? sinceMs : null;
  }

  #happenedBefore(local: { dayNumber: number; sinceMidnightMs: number }): boolean {
    const withinMs = Math.max(SAME_TIME.withinMs, Math.min(this.#intervalMs, DAY_MS / 24));
    if (this.#intervalMs >= DAY_MS) return false;
    for (let i = 0; i < SAME_TIME.remembered; i++) {
      const days = local.dayNumber - this.#openedDays[i]!;
      const apartMs = Math.abs(local.sinceMidnightMs - this.#openedTimesMs[i]!);
      const isSameTime = Math.min(apartMs, DAY_MS - apartMs) <= withinMs;
      if (days >= 1 && days <= SAME_TIME.days && isSameTime) return true;
    }
    return false;
  }
}
