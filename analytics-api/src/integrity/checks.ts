import type { QueryAnswer, QueryInput, QueryKind } from '@sluice/contracts';

/** Asks one question, from the data as it is. */
export type AskQuestion = <K extends QueryKind>(
  question: Extract<QueryInput, { kind: K }>,
) => Promise<Extract<QueryAnswer, { kind: K }>>;

export interface CheckTools {
  ask: AskQuestion;
  /** How many people a list names, counted by paging through it. */
  listLength: (question: QueryInput, point: object) => Promise<number>;
  /** Differences in the ledger of the range. */
  ledgerDifferences: () => Promise<number>;
}

/** The range that is reconciled, by the clocks of a zone; and the event names that are looked at one by one. */
export interface CheckSubject {
  from: string;
  to: string;
  timezone: string;
  /** The most frequent names, largest first. */
  events: readonly string[];
}

/** Two ways to one number (or list of numbers). */
export interface Check {
  name: string;
  /** Why they must be equal. */
  rule: string;
  left: string;
  right: string;
  run(tools: CheckTools): Promise<{ left: number[]; right: number[] }>;
}

const numbers = (values: readonly (number | null)[]): number[] => values.map((value) => value ?? 0);
const sums = (...lists: readonly (readonly (number | null)[])[]): number[] =>
  numbers(lists[0] ?? []).map((_value, index) => lists.reduce((sum, list) => sum + (list[index] ?? 0), 0));

/** Everything that two answers must agree on, for one project and range. */
export function checksOf({ from, to, timezone, events }: CheckSubject): Check[] {
  const range = { from, to, timezone, cache: 'refresh' } as const;
  const uniques = (event: string | null): Extract<QueryInput, { kind: 'trends' }> => ({
    kind: 'trends',
    series: [{ event, measure: 'unique_users' }],
    interval: 'day',
    ...range,
  });
  return [
    ...(['count', 'unique_users'] as const).map((measure): Check => ({
      name: `rollup-${measure}`,
      rule: 'The rollups hold every event exactly once.',
      left: 'trends by day, from rollups',
      right: 'trends by day, from single events',
      async run({ ask }) {
        const of = async (source: 'auto' | 'raw') => {
          const { series } = await ask({
            kind: 'trends',
            series: [{ measure }],
            interval: 'day',
            ...range,
            source,
          });
          return numbers([series[0]!.total, ...series[0]!.values]);
        };
        return { left: await of('auto'), right: await of('raw') };
      },
    })),
    ...events.map((event): Check => ({
      name: `funnel-start ${event}`,
      rule: 'Who did the first step of a funnel are the unique users of its event.',
      left: 'funnel, step 1',
      right: 'trends, unique users, total',
      async run({ ask }) {
        const { steps } = await ask({ kind: 'funnel', steps: [{ event }, { event: events[0]! }], ...range });
        const { series } = await ask(uniques(event));
        return { left: [steps[0]!.users], right: numbers([series[0]!.total]) };
      },
    })),
    {
      name: 'lifecycle',
      rule: 'Whoever is active is new, returning or resurrecting.',
      left: 'lifecycle, new + returning + resurrecting by day',
      right: 'trends, unique users by day',
      async run({ ask }) {
        const {
          new: fresh,
          returning,
          resurrecting,
        } = await ask({ kind: 'lifecycle', interval: 'day', ...range });
        const { series } = await ask(uniques(null));
        return { left: sums(fresh, returning, resurrecting), right: numbers(series[0]!.values) };
      },
    },
    {
      name: 'stickiness',
      rule: 'Whoever is active at all is active on at least one day.',
      left: 'stickiness, people active on at least 1 day',
      right: 'trends, unique users, total',
      async run({ ask }) {
        const { cumulative } = await ask({ kind: 'stickiness', interval: 'day', ...range });
        const { series } = await ask(uniques(null));
        return { left: [cumulative[0] ?? 0], right: numbers([series[0]!.total]) };
      },
    },
    {
      name: 'retention',
      rule: 'The cohort of a day is whoever is active on it.',
      left: 'retention, size of each cohort',
      right: 'trends, unique users by day',
      async run({ ask }) {
        const { rows } = await ask({ kind: 'retention', period: 'day', cohort: 'recurring', ...range });
        const { series } = await ask(uniques(null));
        return { left: rows.map(({ size }) => size), right: numbers(series[0]!.values) };
      },
    },
    {
      name: 'people',
      rule: 'A list behind a number is as long as the number.',
      left: 'people behind the unique users of the range, listed',
      right: 'trends, unique users, total',
      async run({ ask, listLength }) {
        const { series } = await ask(uniques(null));
        return { left: [await listLength(uniques(null), { series: 0 })], right: numbers([series[0]!.total]) };
      },
    },
    {
      name: 'sessions',
      rule: 'Sessions by day add up to all sessions.',
      left: 'sessions, sum of days',
      right: 'sessions, total',
      async run({ ask }) {
        const { total, values } = await ask({
          kind: 'sessions',
          interval: 'day',
          measures: ['sessions'],
          ...range,
        });
        return {
          left: [values.reduce((sum, value) => sum + (value?.sessions ?? 0), 0)],
          right: [total.sessions!],
        };
      },
    },
    {
      name: 'ledger',
      rule: 'Every accepted message is landed, a duplicate, or a dead letter.',
      left: 'differences in the audit of the range',
      right: 'none',
      run: async ({ ledgerDifferences }) => ({ left: [await ledgerDifferences()], right: [0] }),
    },
  ];
}
