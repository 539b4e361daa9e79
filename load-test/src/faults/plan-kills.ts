/** What can be killed: one part, the broker of the event log, or the supervisor with all parts at once. */
export const VICTIMS = ['everything', 'worker', 'gateway', 'postgres', 'broker'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface PlannedKill {
  victim: Victim;
  /** Pause before it, counted from when the one before was done with, milliseconds. */
  afterMs: number;
  /** Strikes without waiting until the one before has recovered. */
  hasty: boolean;
  /** How long the broker stays down, milliseconds. */
  downMs: number;
}

/** Pauses are short beside the time a part takes to recover, so that many kills strike half-recovered parts. */
const LONGEST_PAUSE_MS = 2_500;
const HASTY_SHARE = 0.3;

/**
 * Kills at random moments that follow from `random`. Every victim comes up equally often, give or take one.
 */
export function planKills(victims: readonly Victim[], count: number, random: () => number): PlannedKill[] {
  const plan: PlannedKill[] = [];
  let round: Victim[] = [];
  while (plan.length < count) {
    if (round.length === 0) round = shuffle(victims, random);
    plan.push({
      victim: round.pop() ?? 'everything',
      afterMs: Math.round(random() * LONGEST_PAUSE_MS),
      hasty: random() < HASTY_SHARE,
      downMs: 300 + Math.round(random() * 2_500),
    });
  }
  return plan;
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
