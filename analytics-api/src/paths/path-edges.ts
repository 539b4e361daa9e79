import type { PathsQuery } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import type { Statement } from '../sql/statement.js';
import { stepRows } from './path-steps.js';

/** A path of a user ends after so long without a step. */
const PAUSE_MS = 1_800_000;

export interface PathEdges {
  statement: Statement;
  /** Rows: one for each edge of each path: `place` (of its source, from 0), `source` and `target` (hashes), `ms`, `person`. */
  sql: string;
}

/**
 * The edges of all paths. A step is one number: its instant above 64 bits of the hash of its name; sorted, steps are in their
 * order, and those of one instant always in the same.
 */
export function pathEdges(query: PathsQuery, scope: Pick<QueryScope, 'statement'>): PathEdges {
  const { statement, sql: rows } = stepRows(query, scope);
  const marks = 'arraySort(groupArray(bitShiftLeft(toUInt128(at_ms), 64) + sipHash64(name)))';
  // Somebody who signs in on the way is known at the end.
  const visits =
    query.scope === 'session'
      ? `select ${marks} as marks, argMax(person, (at_ms, person)) as person from (${rows}) group by session_id`
      : `select arrayJoin(arraySplit((m, pause) -> pause > ${PAUSE_MS}, all_marks,
          arrayDifference(arrayMap(m -> toInt64(bitShiftRight(m, 64)), all_marks)))) as marks, person
        from (select ${marks} as all_marks, person from (${rows}) group by person)`;
  const repeats = `arrayFilter((m, before, place) -> place = 1 or toUInt64(m) != toUInt64(before),
        marks, arrayShiftRight(marks, 1), arrayEnumerate(marks))`;
  return {
    statement,
    sql: `
    select person, arrayJoin(arrayEnumerate(arrayPopBack(path))) - 1 as place,
      toUInt64(path[place + 1]) as source, toUInt64(path[place + 2]) as target,
      toInt64(bitShiftRight(path[place + 2], 64)) - toInt64(bitShiftRight(path[place + 1], 64)) as ms
    from (
      select person, ${query.collapse_loops ? repeats : 'marks'} as steps, ${partSql(query, statement)} as path
      from (${visits})
    )
    where length(path) > 1`,
  };
}

/** The part of a path that is looked at: from the first of one step, to the last of another, no longer than asked for. */
function partSql({ from_step, to_step, max_steps }: PathsQuery, statement: Statement): string {
  const most = statement.bind('UInt8', max_steps);
  const names = 'arrayMap(m -> toUInt64(m), steps)';
  const hashOf = (name: string): string => `sipHash64(${statement.bind('String', name)})`;
  const first = from_step === undefined ? '1' : `indexOf(${names}, ${hashOf(from_step)})`;
  if (to_step === undefined)
    return from_step === undefined
      ? `arraySlice(steps, 1, ${most})`
      : `if(${first} = 0, [], arraySlice(steps, ${first}, ${most}))`;
  const last = `arrayLastIndex(m -> toUInt64(m) = ${hashOf(to_step)}, steps)`;
  // What led to a step is right before it; what lies between two steps is told from the first on.
  if (from_step === undefined)
    return `arraySlice(steps, greatest(toInt64(${last}) - ${most} + 1, 1), least(${last}, ${most}))`;
  return `if(${first} = 0 or ${last} < ${first}, [], arraySlice(steps, ${first}, least(${last} - ${first} + 1, ${most})))`;
}
