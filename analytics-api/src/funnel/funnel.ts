import {
  SluiceError,
  type FunnelAnswer,
  type FunnelQuery,
  type GroupName,
  type Point,
} from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { echoOf, type PeopleSql, type QuestionKind } from '../ask/query-kind.js';
import { groupKeyOf, isCohortBreakdown, OTHER_KEY, readGroupKey } from '../sql/group-sql.js';
import { bucketAnswers, markedBuckets, type MarkedBucket } from '../time/marked-buckets.js';
import {
  askSteps,
  askStepsByGroup,
  askStepsOfEach,
  askTrend,
  enteredSlot,
  type StepsRow,
} from './ask-steps.js';
import { definitionOf } from './definition.js';
import { journeys, journeysByGroup } from './journeys.js';
import { readSteps, share } from './read-steps.js';

/** How many people come how far through some steps, and how long it takes them. */
export const funnel: QuestionKind<'funnel'> = {
  kind: 'funnel',
  async answer(query, scope): Promise<FunnelAnswer> {
    const { overall, groups } = await askGroups(query, scope);
    const trend = query.trend === undefined ? undefined : await answerTrend(query, scope);
    return {
      kind: 'funnel',
      query: echoOf(query, scope),
      ...scope.frame({
        definition: definitionOf(query),
        additive: query.breakdown === undefined || !isCohortBreakdown(query.breakdown),
      }),
      ...readSteps(query, overall),
      ...(groups === undefined
        ? {}
        : { groups: groups.map(({ name, row }) => ({ ...name, ...readSteps(query, row) })) }),
      ...(trend === undefined ? {} : { trend }),
    };
  },
  people: peopleBehind,
};

interface FoundGroups {
  overall: StepsRow | undefined;
  /** In the order in which they are answered. */
  groups?: { key: string; name: GroupName; row: StepsRow | undefined }[];
}

async function askGroups(query: FunnelQuery, scope: QueryScope): Promise<FoundGroups> {
  const { breakdown } = query;
  if (breakdown === undefined) {
    const [overall] = await scope.ask(askSteps(query, journeys(query, scope)));
    return { overall };
  }
  const groupOf = (key: string, row: StepsRow | undefined) => ({ key, name: readGroupKey(key), row });
  if (isCohortBreakdown(breakdown)) {
    const [overall] = await scope.ask(askSteps(query, journeys(query, scope)));
    const rows = await scope.ask(askStepsOfEach(query, await journeysByGroup(query, scope)));
    const byKey = new Map(rows.map((row) => [row.grp, row]));
    const keys = breakdown.cohorts.map((value) => groupKeyOf({ kind: 'value', value }));
    return { overall, groups: keys.map((key) => groupOf(key, byKey.get(key))) };
  }
  const rows = await scope.ask(askStepsByGroup(query, await journeysByGroup(query, scope), breakdown.limit));
  const groups = rows.filter((row) => row.over_all_groups === 0).sort(byRank);
  return {
    overall: rows.find((row) => row.over_all_groups === 1),
    groups: groups.map((row) => groupOf(row.grp, row)),
  };
}

/** The largest first; what is left over last. */
function byRank(a: StepsRow, b: StepsRow): number {
  const isOther = Number(a.grp === OTHER_KEY) - Number(b.grp === OTHER_KEY);
  return isOther || b.users[0]! - a.users[0]! || (a.grp < b.grp ? -1 : 1);
}

function bucketsOf(
  query: FunnelQuery,
  interval: NonNullable<FunnelQuery['trend']>,
  scope: QueryScope,
): MarkedBucket[] {
  const calendar = { interval, weekStart: query.week_start, zone: scope.zone };
  try {
    return markedBuckets(scope.range, calendar, scope.completeThroughMs);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw new SluiceError(error.code, { message: error.message, field: '/trend' });
  }
}

async function answerTrend(
  query: FunnelQuery,
  scope: QueryScope,
): Promise<NonNullable<FunnelAnswer['trend']>> {
  const buckets = bucketsOf(query, query.trend!, scope);
  const rows = await scope.ask(askTrend(query, journeys(query, scope), buckets));
  const bySlot = new Map(rows.map((row) => [row.slot, row]));
  const found = buckets.map(({ startMs }) => bySlot.get(startMs) ?? { entered: 0, converted: 0 });
  // A last step counts within the range only, so a window that reaches beyond it was not looked at whole.
  const knownThroughMs = Math.min(scope.completeThroughMs ?? -Infinity, scope.range.toMs);
  const isMature = ({ endMs }: MarkedBucket): boolean =>
    endMs + query.window_seconds * 1_000 <= knownThroughMs;
  return {
    buckets: bucketAnswers(buckets).map((bucket, index) => ({
      ...bucket,
      mature: isMature(buckets[index]!),
    })),
    entered: found.map(({ entered }) => entered),
    converted: found.map(({ converted }) => converted),
    rate: found.map(({ entered, converted }) => share(converted, entered)),
  };
}

async function peopleBehind(
  query: FunnelQuery,
  point: Point<'funnel'>,
  scope: QueryScope,
): Promise<PeopleSql> {
  const fail = (message: string, field: string): never => {
    throw new SluiceError('invalid_query', { message, field: `/point/${field}` });
  };
  if (point.step >= query.steps.length) return fail('There is no such step.', 'step');
  const { group } = point;
  if (group !== undefined && query.breakdown === undefined)
    return fail('The question has no breakdown.', 'group');
  if (group?.kind === 'value' && group.value === null) return fail('A value is missing.', 'group/value');
  const { statement, sql, keyOf } =
    group === undefined ? journeys(query, scope) : await journeysByGroup(query, scope);
  // Nobody was lost before the first step: everyone here has done it.
  const conditions = [point.dropped ? `depth = ${point.step}` : `depth > ${point.step}`];
  if (group !== undefined) {
    const key = groupKeyOf(group);
    if (key === OTHER_KEY) {
      const { groups = [] } = await askGroups(query, scope);
      const kept = groups.map((one) => one.key).filter((one) => one !== OTHER_KEY);
      conditions.push(`not has(${statement.bind('Array(String)', kept)}, ${keyOf('group_value')})`);
    } else conditions.push(`${keyOf('group_value')} = ${statement.bind('String', key)}`);
  }
  if (point.entered_in !== undefined) {
    if (query.trend === undefined) return fail('The question has no trend.', 'entered_in');
    const buckets = bucketsOf(query, query.trend, scope);
    const bucket = buckets.find(({ startMs }) => startMs === Date.parse(point.entered_in!));
    if (bucket === undefined) return fail('No bucket starts then.', 'entered_in');
    conditions.push(`${enteredSlot({ statement }, buckets)} = ${statement.bind('Int64', bucket.startMs)}`);
  }
  return { sql: `select person from (${sql}) where ${conditions.join(' and ')}`, params: statement.params };
}
