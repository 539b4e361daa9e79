import type { FunnelAnswer, QueryAnswer, TrendsAnswer } from '@sluice/contracts';

/** The people behind the last step of a funnel, by id. */
export type ListPeople = (step: number) => Promise<string[]>;

/**
 * What an answer says where a case expects something: one value for each key of `expected`, in the form in which the case
 * writes it. A key that no answer has gives an Error, so that nothing passes unseen.
 */
export async function observe(
  answer: QueryAnswer,
  expected: Readonly<Record<string, unknown>>,
  people: ListPeople,
): Promise<Record<string, unknown>> {
  const observed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(expected)) {
    observed[key] = await observeOne(answer, key, value, people);
  }
  return observed;
}

async function observeOne(
  answer: QueryAnswer,
  key: string,
  expected: unknown,
  people: ListPeople,
): Promise<unknown> {
  switch (answer.kind) {
    case 'trends':
      return ofTrends(answer, key, expected);
    case 'funnel':
      if (key === 'people_last_step') return people(answer.steps.length - 1);
      return ofFunnel(answer, key, expected);
    case 'retention':
      if (key === 'rows') return answer.rows.map(({ cells }) => cells.map(({ users }) => users));
      if (key === 'sizes') return answer.rows.map(({ size }) => size);
      if (key === 'labels') return answer.rows.map(({ label }) => label);
      if (key === 'average' || key === 'averages' || key === 'weighted_average') {
        return answer.averages.map(({ rate }) => rate);
      }
      break;
    case 'lifecycle':
      // Cases count those who fell asleep downwards.
      if (key === 'dormant')
        return answer.dormant.map((count) => (count === null || count === 0 ? count : -count));
      if (key === 'new' || key === 'returning' || key === 'resurrecting') return answer[key];
      if (key === 'labels') return answer.buckets.map(({ label }) => label);
      break;
    case 'stickiness':
      if (key === 'counts' || key === 'users' || key === 'histogram') return byPeriod(answer.users, expected);
      if (key === 'cumulative') return byPeriod(answer.cumulative, expected);
      break;
    case 'sessions': {
      const { total } = answer;
      if (key === 'pageviews') return total.pageviews;
      if (key === 'visitors') return total.users;
      if (key === 'visits') return total.sessions;
      if (key === 'views_per_visit') return total.pages_per_session;
      if (key === 'bounce_rate')
        return typeof total.bounce_rate === 'number' ? total.bounce_rate * 100 : total.bounce_rate;
      if (key === 'visit_duration') return total.avg_duration_seconds;
      break;
    }
    default:
  }
  throw new Error(`an answer of kind ${answer.kind} has no ${key}`);
}

function ofTrends(
  { series, buckets, previous_buckets = [] }: TrendsAnswer,
  key: string,
  expected: unknown,
): unknown {
  const first = series[0]!;
  const previous = first.previous?.values ?? [];
  switch (key) {
    case 'series':
      return first.values;
    case 'total':
      return first.total;
    case 'sum':
      return sum(first.values);
    case 'previous_sum':
      return sum(previous);
    case 'previous_series':
      return previous;
    case 'labels':
      return buckets.map(({ label }) => label);
    case 'buckets':
      return buckets.length;
    case 'previous_buckets':
      return previous_buckets.length;
    case 'at':
      return picked(first.values, expected);
    case 'previous_at':
      return picked(previous, expected);
    case 'label_counts':
      return mapKeys(expected, (label) => buckets.filter((bucket) => bucket.label.endsWith(label)).length);
    case 'last_label':
      return buckets.at(-1)!.label.slice(-String(expected).length);
    case 'groups':
    case 'breakdown':
      return mapKeys(expected, (value) => {
        const group = first.groups?.find((one) => (one.value ?? one.kind) === value);
        return Array.isArray((expected as Record<string, unknown>)[value]) ? group?.values : group?.total;
      });
    default:
      throw new Error(`an answer of kind trends has no ${key}`);
  }
}

function ofFunnel(answer: Pick<FunnelAnswer, 'steps' | 'groups'>, key: string, expected: unknown): unknown {
  switch (key) {
    case 'counts':
      return answer.steps.map(({ users }) => users);
    case 'avg_seconds':
      return answer.steps.map(({ avg_seconds }) => avg_seconds);
    case 'median_seconds':
      return answer.steps.map(({ median_seconds }) => median_seconds);
    case 'groups':
    case 'breakdown':
    case 'by_value':
      return mapKeys(expected, (value) => {
        const group = answer.groups?.find((one) => (one.value ?? one.kind) === value);
        if (group === undefined) return undefined;
        const wanted = (expected as Record<string, unknown>)[value];
        if (Array.isArray(wanted)) return ofFunnel(group, 'counts', wanted);
        return mapKeys(wanted, (inner) => ofFunnel(group, inner, (wanted as Record<string, unknown>)[inner]));
      });
    default:
      throw new Error(`an answer of kind funnel has no ${key}`);
  }
}

/** A histogram as a list, or as an object from 1 on, whichever the case writes. */
function byPeriod(values: readonly number[], expected: unknown): unknown {
  return Array.isArray(expected) ? values : mapKeys(expected, (period) => values[Number(period) - 1] ?? 0);
}

function picked(values: readonly unknown[], expected: unknown): Record<string, unknown> {
  return mapKeys(expected, (index) => values[Number(index)] ?? null);
}

function mapKeys(of: unknown, valueOf: (key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.keys(of as object).map((key) => [key, valueOf(key)]));
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>(
    (total, value) => (total === null || value === null ? null : total + value),
    0,
  );
}

const TOLERANCE = 1e-6;

/** Whether an observed value is the expected one; numbers to a millionth. Sets of people are compared without order. */
export function agrees(observed: unknown, expected: unknown): boolean {
  if (typeof observed === 'number' && typeof expected === 'number') {
    return Math.abs(observed - expected) <= TOLERANCE * Math.max(1, Math.abs(expected));
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(observed) || observed.length !== expected.length) return false;
    const [left, right] = expected.every((item) => typeof item === 'string')
      ? [[...(observed as string[])].sort(), [...expected].sort()]
      : [observed, expected];
    return right.every((item: unknown, index) => agrees(left[index], item));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof observed !== 'object' || observed === null) return false;
    return Object.entries(expected).every(([key, value]) =>
      agrees((observed as Record<string, unknown>)[key], value),
    );
  }
  return observed === expected;
}
