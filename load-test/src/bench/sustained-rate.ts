export interface Trial {
  eventsPerSecond: number;
  sustained: boolean;
  /** From the end of the load until all of it was queryable. */
  drainMs: number;
  worstLagMs: number;
}

export interface SustainedRateOptions {
  /** Events a second to begin with. */
  firstRate: number;
  maxTrials: number;
  hold(eventsPerSecond: number): Promise<Omit<Trial, 'eventsPerSecond'>>;
}

const UP = 1.2;
const DOWN = 0.7;
/** The answer is known well enough when the next higher rate tried is within a tenth. */
const CLOSE = 1.1;

/**
 * The highest rate that is sustained: goes up while it is, down while it is not, then halves the gap between.
 * `best` is 0 when none was.
 */
export async function findSustainedRate(
  options: SustainedRateOptions,
): Promise<{ best: number; trials: Trial[] }> {
  const trials: Trial[] = [];
  let best = 0;
  let worst = Number.POSITIVE_INFINITY;
  let rate = options.firstRate;
  while (trials.length < options.maxTrials) {
    const eventsPerSecond = Math.max(1, Math.round(rate / 10) * 10);
    const trial = { eventsPerSecond, ...(await options.hold(eventsPerSecond)) };
    trials.push(trial);
    if (trial.sustained) best = Math.max(best, eventsPerSecond);
    else worst = Math.min(worst, eventsPerSecond);
    if (best > 0 && worst / best <= CLOSE) break;
    if (best === 0) rate = worst * DOWN;
    else if (worst === Number.POSITIVE_INFINITY) rate = best * UP;
    else rate = (best + worst) / 2;
  }
  return { best, trials };
}
