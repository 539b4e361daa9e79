import type { FunnelQuery } from '@sluice/contracts';
import type { Statement } from '../sql/statement.js';
import type { Columns } from './in-layers.js';
import { doesStep, windowEnd, type PositionLayout } from './positions.js';

/**
 * The attempt that counts, of ordered steps without exclusions: one pass over the positions for each step. `s2` holds, at each
 * event, the latest start that has come as far as step 2 by then, 0 before there is one: of all attempts as far, the latest has
 * the most time left. So the first event at which `s3` is not 0 is the first to complete three steps.
 *
 * Uses `sorted`, the positions of a person in their order. Gives `depth` (0: nothing was started) and `p1` … , the positions of its steps, 0 for those not reached. Nothing is asked by
 * `if`: what it leaves out is still computed, and copying the rest to and fro takes a seventh of the whole. What is not there is
 * 0 by itself: an array has 0 at place 0, and behind its end.
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
  const firstTo = numbers.map((step) => `s${step}[countEqual(s${step}, 0) + 1]`);
  columns.push(
    // Who has come as far as a step has come as far as those before it.
    { name: 'depth', sql: numbers.map((step) => `(s${step}[-1] != 0)`).join(' + ') },
    { name: 'p1', sql: `[${firstTo.join(', ')}][depth]` },
  );
  for (const step of numbers.slice(1)) {
    columns.push({ name: `p${step}`, sql: `a[indexOf(s${step}, p1)]` });
  }
  return columns;
}
