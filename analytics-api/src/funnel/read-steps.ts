import type { FunnelAnswer, FunnelQuery, FunnelStepAnswer } from '@sluice/contracts';
import type { StepsRow } from './ask-steps.js';

type Steps = Pick<FunnelAnswer, 'steps' | 'conversion'>;

/** The numbers of a funnel as they are answered. Without a row, nobody did anything. */
export function readSteps({ steps }: FunnelQuery, row: StepsRow | undefined): Steps {
  const users = steps.map((_step, index) => row?.users[index] ?? 0);
  const answers = steps.map((step, index): FunnelStepAnswer => ({
    name: step.name ?? step.event ?? step.type ?? 'all events',
    users: users[index]!,
    dropped: index === 0 ? 0 : users[index - 1]! - users[index]!,
    conversion_from_previous: index === 0 ? null : share(users[index]!, users[index - 1]!),
    conversion_from_first: share(users[index]!, users[0]!),
    ...(index === 0 ? NO_TIMES : times(row, index - 1, users[index]!)),
  }));
  const done = users.at(-1)!;
  return {
    steps: answers,
    conversion: {
      rate: share(done, users[0]!),
      ...(steps.length === 1 ? NO_TIMES : times(row, steps.length - 1, done)),
    },
  };
}

const NO_TIMES = { avg_seconds: null, median_seconds: null, p90_seconds: null };

function times(
  row: StepsRow | undefined,
  place: number,
  people: number,
): Pick<FunnelStepAnswer, keyof typeof NO_TIMES> {
  if (row === undefined || people === 0) return NO_TIMES;
  const [median, p90] = row.quantiles[place]!;
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1_000);
  return {
    avg_seconds: row.sums[place]! / people / 1_000,
    median_seconds: seconds(median),
    p90_seconds: seconds(p90),
  };
}

export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
