import type { FunnelQuery } from '@sluice/contracts';
import type { Statement } from '../sql/statement.js';
import type { Columns } from './in-layers.js';
import {
  doesAnyStep,
  doesStep,
  isExcludedBy,
  knotsOf,
  NEVER,
  windowEnd,
  type Knot,
  type PositionLayout,
} from './positions.js';

interface Search {
  query: FunnelQuery;
  layout: PositionLayout;
  statement: Statement;
}

/**
 * The attempt that counts, found by following every attempt: of each event that can start one, the positions of its first,
 * second … step (`f1`, `f2` … : one array for each step, one element for each start), without regard to the window. What lies
 * beyond the window, or is forbidden by an exclusion, is cut off then. All work is done on whole arrays: nothing is looked up
 * for a single attempt.
 *
 * Gives the same columns as `latestStart`, for every order and with exclusions.
 */
export function everyStart(query: FunnelQuery, layout: PositionLayout, statement: Statement): Columns {
  const search = { query, layout, statement };
  const numbers = Array.from({ length: layout.steps }, (_step, index) => index + 1);
  const columns: Columns = [{ name: 'a', sql: `arrayPushBack(sorted, ${NEVER})` }];
  columns.push(...FOLLOW[query.order](search));
  const end = windowEnd(layout, statement, query.window_seconds, 's');
  columns.push({ name: 'window_ends', sql: `arrayMap(s -> ${end}, f1)` });
  columns.push(...excludedAt(search));
  const places = numbers.map((step) => `f${step}`).join(', ');
  const names = numbers.map((step) => `y${step}`);
  columns.push(
    { name: 'ends', sql: endsSql(query) },
    {
      name: 'depths',
      sql: `arrayMap((${names.join(', ')}, e) -> ${names.map((name) => `toUInt8(${name} <= e)`).join(' + ')}, ${places}, ends)`,
    },
    { name: 'depth', sql: 'arrayMax(depths)' },
    ...chosen(query, names, places),
  );
  for (const step of numbers) {
    columns.push({
      name: `p${step}`,
      sql: `if(depth >= ${step}, f${step}[chosen], toUInt64(0))`,
    });
  }
  return columns;
}

/**
 * The place of the attempt that counts: of those that come furthest, the first to come so far. Of those who do with one event,
 * the latest, as a first step starts anew; in any order, where nothing does, the earliest.
 */
function chosen({ order }: FunnelQuery, names: readonly string[], places: string): Columns {
  if (order === 'unordered') return [{ name: 'chosen', sql: 'indexOf(depths, depth)' }];
  const last = names.map((name, index) => `d = ${index + 1}, ${name}, `).join('');
  return [
    {
      name: 'lasts',
      sql: `arrayMap((${names.join(', ')}, d) -> multiIf(d != depth, toUInt64(0), ${last}toUInt64(0)), ${places}, depths)`,
    },
    { name: 'first_last', sql: 'lasts[indexOf(depths, depth)]' },
    { name: 'chosen', sql: 'length(lasts) + 1 - indexOf(arrayReverse(lasts), first_last)' },
  ];
}

const FOLLOW: Record<FunnelQuery['order'], (search: Search) => Columns> = {
  ordered: followInOrder,
  strict: followStrictly,
  unordered: followInAnyOrder,
};

/** An array of what comes right after each event, in place of what comes at it. */
const shifted = (array: string, by = 1): string =>
  by === 0 ? array : `arrayShiftLeft(${array}, ${by}, ${NEVER})`;

/** Keeps the elements at events that can start an attempt, without the one at the end that is no event. */
function atStarts({ query, layout }: Search, array: string): string {
  const steps = query.order === 'unordered' ? layout.steps : 1;
  const starts = Array.from({ length: steps }, (_step, index) => index + 1);
  return `arrayPopBack(arrayFilter((y, x) -> ${doesAnyStep(layout, starts)}, ${array}, a))`;
}

/**
 * The third step of an attempt is the first event that does it after the second: of every event, the next that does step 3 is
 * found from behind; then, of every event, what this is for the next that does step 2.
 */
function followInOrder(search: Search): Columns {
  const { layout } = search;
  const after = (array: string): string => (layout.canOverlap ? shifted(array) : array);
  const columns: Columns = [{ name: 'f1', sql: atStarts(search, 'a') }];
  for (let step = 2; step <= layout.steps; step += 1) {
    let array = `arrayReverseFill(x -> ${doesStep(layout, step)}, a)`;
    for (let through = step - 1; through > 1; through -= 1) {
      array = `arrayReverseFill((y, x) -> ${doesStep(layout, through)}, ${after(array)}, a)`;
    }
    columns.push({ name: `f${step}`, sql: atStarts(search, after(array)) });
  }
  return columns;
}

/** Each step is the very next event, or never. */
function followStrictly(search: Search): Columns {
  const { layout } = search;
  const columns: Columns = [{ name: 'f1', sql: atStarts(search, 'a') }];
  for (let step = 2; step <= layout.steps; step += 1) {
    const next = atStarts(search, shifted('a', step - 1));
    columns.push({
      name: `f${step}`,
      sql: `arrayMap((y, x) -> if(y != ${NEVER} and ${doesStep(layout, step)}, x, ${NEVER}), f${step - 1}, ${next})`,
    });
  }
  return columns;
}

/**
 * Which steps are done matters here, not in which order: the times at which the number of steps that can be given events of
 * their own goes up. Steps of different knots never compete for an event, so their times are merely put in order.
 */
function followInAnyOrder(search: Search): Columns {
  const columns: Columns = [];
  const found: string[] = [];
  for (const knot of knotsOf(search.query.steps)) {
    for (const sql of matchedAt(search, knot)) {
      const name = `m${found.length + 1}`;
      columns.push({ name, sql: atStarts(search, sql) });
      found.push(name);
    }
  }
  const names = found.map((_name, index) => `y${index + 1}`).join(', ');
  columns.push({
    name: 'in_time',
    sql:
      found.length === 1
        ? `arrayMap(y1 -> [y1], ${found[0]!})`
        : `arrayMap((${names}) -> arraySort([${names}]), ${found.join(', ')})`,
  });
  for (const step of found.keys())
    columns.push({ name: `f${step + 1}`, sql: `arrayMap(t -> t[${step + 1}], in_time)` });
  return columns;
}

/**
 * When 1, 2 … all steps of a knot can be given events of their own, from each event on. By Hall's theorem (in its form for
 * deficiencies) r of n steps can when, for every set of steps, at least |set| - (n - r) events do one of it: so the time is the
 * latest, over all sets, of the event with that number. Steps of equal conditions are in a set together or not at all.
 */
function matchedAt({ layout }: Search, knot: Knot): string[] {
  const size = knot.flat().length;
  const sets = Array.from({ length: 2 ** knot.length - 1 }, (_set, index) =>
    knot.filter((_steps, place) => ((index + 1) >> place) % 2 === 1).flat(),
  );
  return Array.from({ length: size }, (_time, index) => {
    const times = sets
      .map((set) => ({ set, nth: set.length - (size - (index + 1)) }))
      .filter(({ nth }) => nth > 0)
      .map(({ set, nth }) => nthNext(layout, set, nth));
    return times.reduce((latest, time) => `arrayMap((y, z) -> greatest(y, z), ${latest}, ${time})`);
  });
}

/** The nth event, from each event on, that does one of some steps. */
function nthNext(layout: PositionLayout, steps: readonly number[], nth: number): string {
  const does = doesAnyStep(layout, steps);
  let array = `arrayReverseFill(x -> ${does}, a)`;
  for (let count = 1; count < nth; count += 1)
    array = `arrayReverseFill((y, x) -> ${does}, ${shifted(array)}, a)`;
  return array;
}

/**
 * `x0` … : of every attempt, the first event of each exclusion after the step from which on it is forbidden. Later starts
 * never do a step earlier, so the steps are in order and can be merged with the excluded events: the lowest bit tells them
 * apart, and puts an excluded event that is the step itself before it.
 */
function excludedAt(search: Search): Columns {
  const { query } = search;
  return query.exclusions.flatMap(({ after_step }, index): Columns => {
    const step = `f${after_step + 1}`;
    const isStrict = query.order === 'strict';
    const merged = `merged${index}`;
    const next = `arrayMap(x -> bitShiftRight(x, 1), arrayFilter((y, x) -> bitTest(x, 0),
          arrayReverseFill(x -> not bitTest(x, 0), ${merged}), ${merged}))`;
    return [
      {
        name: merged,
        sql: `arraySort(arrayConcat(
          arrayMap(x -> bitShiftLeft(x, 1) + 1, ${isStrict ? atStarts(search, shifted('a', after_step)) : step}),
          arrayMap(x -> bitShiftLeft(x, 1), arrayFilter(x -> ${isExcludedBy(search.layout, index)}, a))))`,
      },
      {
        name: `x${index}`,
        // Where the steps of some attempts are never done, they are not in order: there, what comes next stands in for them.
        sql: isStrict ? `arrayMap((x, y) -> if(x = ${NEVER}, ${NEVER}, y), ${step}, ${next})` : next,
      },
    ];
  });
}

/** The last position that counts for each attempt: the end of its window, or what is before the exclusion that it meets. */
function endsSql({ exclusions, exclusion_mode }: FunnelQuery): string {
  if (exclusions.length === 0) return 'window_ends';
  const excluded = exclusions.map((_exclusion, index) => `x${index}`);
  const untils = exclusions.map((_exclusion, index) => `u${index}`);
  const hits = excluded.map((x, index) => `${x} <= e and ${x} < ${untils[index]!}`);
  const body =
    exclusion_mode === 'leave'
      ? `if(${hits.map((hit) => `(${hit})`).join(' or ')}, toUInt64(0), e)`
      : hits.reduce(
          (end, hit, index) => `least(${end}, if(${hit}, toUInt64(${excluded[index]!} - 1), e))`,
          'e',
        );
  const arrays = exclusions.map(({ before_step }) => `f${before_step + 1}`);
  return `arrayMap((e, ${[...excluded, ...untils].join(', ')}) -> ${body}, window_ends, ${[...excluded, ...arrays].join(', ')})`;
}
