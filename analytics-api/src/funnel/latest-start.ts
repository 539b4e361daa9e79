import type { FunnelQuery } from '@sluice/contracts';
import type { Statement } from '../sql/statement.js';
import { doesStep, windowEnd, type PositionLayout } from './positions.js';

/** Columns of SQL, each named, that may use those before them and `sorted`, the positions of a person in their order. */
export type Columns = { name: string; sql: string }[];

/**
 * The attempt that counts, of ordered steps without exclusions: one pass over the positions for each step. `s2` holds, at each
 * event, the latest start that has come as far as step 2 by then, 0 before there is one: of all attempts as far, the latest has
 * the most time left. So the first event at which `s3` is not 0 is the first to complete three steps.
 *
 * Gives `depth` (0: nothing was started) and `p1` … , the positions of its steps, 0 for those not reached.
 */
export function latestStart(query: FunnelQuery, layout: PositionLayout, statement: Statement): Columns {
  const { steps } = layout;
  const numbers = Array.from({ length: steps }, (_step, index) => index + 1);
  const columns: Columns = [
    // A first element that is nothing: what an array is filled with before the first match.
    { name: 'a', sql: 'arrayPushFront(sorted, toUInt64(0))' },
    { name: 's1', sql: `arrayFill(x -> ${doesStep(layout, 1)}, a)` },
  ];
  const end = windowEnd(layout, statement, query.window_seconds, 's');
  for (const step of numbers.slice(1)) {
    // What an event itself has just done does not count for its next step: one event fills one step.
    const before = layout.canOverlap ? `arrayShiftRight(s${step - 1}, 1, toUInt64(0))` : `s${step - 1}`;
    columns.push({
      name: `s${step}`,
      sql: `arrayFill((s, x) -> ${doesStep(layout, step)} and s != 0 and x <= ${end}, ${before}, a)`,
    });
  }
  const deepest = [...numbers].reverse();
  const reached = (step: number): string => `s${step}[-1] != 0`;
  columns.push(
    { name: 'depth', sql: `multiIf(${deepest.map((step) => `${reached(step)}, ${step}, `).join('')}0)` },
    {
      name: 'p1',
      sql: `multiIf(${deepest.map((step) => `depth = ${step}, s${step}[countEqual(s${step}, 0) + 1], `).join('')}toUInt64(0))`,
    },
  );
  for (const step of numbers.slice(1)) {
    columns.push({ name: `p${step}`, sql: `if(depth >= ${step}, a[indexOf(s${step}, p1)], toUInt64(0))` });
  }
  return columns;
}
