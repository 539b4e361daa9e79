import {
  LIFECYCLE_STATES,
  SluiceError,
  type LifecycleAnswer,
  type LifecycleQuery,
  type Point,
} from '@sluice/contracts';
import { z } from 'zod';
import { echoOf, type PeopleSql, type QuestionKind } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { bucketAnswers, knownCount, markedBuckets, type MarkedBucket } from '../time/marked-buckets.js';
import { FIRST_PLACE, peoplePlaces } from './activity.js';

type State = (typeof LIFECYCLE_STATES)[number];

const DEFINITION =
  'Different people in each bucket, by what they did before. New: their first such event ever lies in the bucket. Returning: active in the bucket and in the one before. Resurrecting: active in the bucket, not in the one before, and once earlier. These three add up to the people active in the bucket. Dormant: active in the bucket before and not in this one. For the first bucket, the interval before the range is looked at.';

const stateRow = z.object({ place: z.int(), state: z.int(), users: z.int() });

/** Who is new, stays, comes back and goes, bucket by bucket. */
export const lifecycle: QuestionKind<'lifecycle'> = {
  kind: 'lifecycle',
  async answer(query, scope): Promise<LifecycleAnswer> {
    const buckets = bucketsOf(query, scope);
    const rows = await scope.ask(askStates(peoplePlaces(query, scope, buckets), buckets.length));
    const found = new Map(rows.map(({ place, state, users }) => [`${state} ${place - FIRST_PLACE}`, users]));
    const counts = (state: State): (number | null)[] =>
      buckets.map(({ complete }, index) => {
        // Who has not come may come yet.
        if (state === 'dormant' && !complete) return null;
        return knownCount(found.get(`${LIFECYCLE_STATES.indexOf(state)} ${index}`), complete);
      });
    return {
      kind: 'lifecycle',
      query: echoOf(query, scope),
      ...scope.frame({ definition: DEFINITION }),
      buckets: bucketAnswers(buckets),
      new: counts('new'),
      returning: counts('returning'),
      resurrecting: counts('resurrecting'),
      dormant: counts('dormant'),
    };
  },
  async people(query, point, scope) {
    const buckets = bucketsOf(query, scope);
    const place = placeOf(point, buckets);
    const { sql, params } = peoplePlaces(query, scope, buckets);
    return {
      sql: `select person from (${sql}) where ${IN_STATE[point.state]}`,
      params: { ...params, point_place: place },
    } satisfies PeopleSql;
  },
};

/** How many people are in which state (its number in the list of states) in which place. */
function askStates(
  { sql, params }: PeopleSql,
  bucketCount: number,
): ClickHouseQuestion<z.infer<typeof stateRow>> {
  return {
    name: 'lifecycle',
    params: { ...params, first_place: FIRST_PLACE, last_place: FIRST_PLACE + bucketCount - 1 },
    row: stateRow,
    // A code is a place times 4 plus a state. Of a person's places, only the first has no gap to one before.
    sql: `
    select intDiv(code, 4) as place, code % 4 as state, count() as users
    from (
      select arrayJoin(arrayConcat(
        arrayMap((p, gap) -> toUInt32(p) * 4 + multiIf(gap = 0, 0, gap = 1, 1, 2), places, arrayDifference(places)),
        arrayMap(p -> (toUInt32(p) + 1) * 4 + 3,
          arrayFilter((p, next) -> next != p + 1, places, arrayPushBack(arrayPopFront(places), 0)))
      )) as code
      from (${sql})
    )
    where place between {first_place:UInt16} and {last_place:UInt16}
    group by place, state`,
  };
}

/** Conditions on the places of a person. */
const IN_STATE: Readonly<Record<State, string>> = {
  new: 'places[1] = {point_place:UInt16}',
  returning: 'has(places, {point_place:UInt16}) and has(places, {point_place:UInt16} - 1)',
  resurrecting:
    'has(places, {point_place:UInt16}) and not has(places, {point_place:UInt16} - 1) and places[1] < {point_place:UInt16}',
  dormant: 'has(places, {point_place:UInt16} - 1) and not has(places, {point_place:UInt16})',
};

function bucketsOf(query: LifecycleQuery, scope: QueryScope): MarkedBucket[] {
  const calendar = { interval: query.interval, weekStart: query.week_start, zone: scope.zone };
  return markedBuckets(scope.range, calendar, scope.completeThroughMs);
}

function placeOf({ bucket, state }: Point<'lifecycle'>, buckets: readonly MarkedBucket[]): number {
  const fail = (message: string): never => {
    throw new SluiceError('invalid_query', { message, field: '/point/bucket' });
  };
  const index = buckets.findIndex(({ startMs }) => startMs === Date.parse(bucket));
  if (index === -1) return fail('No bucket starts then.');
  if (state === 'dormant' && !buckets[index]!.complete) {
    return fail('Who is dormant is not known while the bucket is not complete.');
  }
  return index + FIRST_PLACE;
}
