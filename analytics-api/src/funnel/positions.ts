import { SluiceError, type EventSelector, type FunnelQuery } from '@sluice/contracts';
import { selectorSql } from '../sql/event-rows.js';
import type { FilterContext } from '../sql/filter-sql.js';
import type { Statement } from '../sql/statement.js';
import type { TimeRange } from '../time/range.js';

/**
 * A position packs what a funnel needs to know of an event into one number, because arrays of numbers sort and scan several
 * times as fast as arrays of tuples. From the highest bit down: milliseconds since the start of the range, the first step that
 * the event does (where order among events of one instant needs it), one bit for each step, one for each exclusion, and which
 * of its twins it is (where one could take the place of another). Sorting positions sorts by time, and within an instant by
 * step.
 */
export interface PositionLayout {
  steps: number;
  exclusions: number;
  /** Whether one event can do several steps: then it still fills one only. */
  canOverlap: boolean;
  /** Bits below the time. */
  codeBits: number;
  hasFirstStep: boolean;
  /** For the number of an event among those that are the same at the same instant; 0 where they need not be told apart. */
  twinBits: number;
  /** Above these, for a number of the event's group: gives twins of different groups an order. */
  groupBits: number;
}

/** Later than every position; has the bit of every step and exclusion. */
export const NEVER = 'toUInt64(9223372036854775807)';

const FIRST_STEP_BITS = 4;
const TWIN_BITS = 6;
const GROUP_BITS = 24;
/** One more is needed where positions are merged. */
const POSITION_BITS = 62;
/** Sorts what is no step behind the steps of its instant, and what is only excluded before them. */
const NO_STEP = 15;

/** @param hasGroups Whether events have groups. */
export function layoutOf(
  { steps, exclusions, order }: FunnelQuery,
  range: TimeRange,
  hasGroups: boolean,
): PositionLayout {
  const canOverlap = steps.some((step, index) => steps.slice(0, index).some((other) => mayMeet(step, other)));
  const hasFirstStep = canOverlap || order === 'strict';
  const hasTwins =
    canOverlap || exclusions.some((exclusion) => steps.some((step) => mayMeet(exclusion, step)));
  const bits = steps.length + exclusions.length + (hasFirstStep ? FIRST_STEP_BITS : 0);
  const timeBits = Math.ceil(Math.log2(range.toMs - range.fromMs + 1));
  const freeBits = Math.max(0, POSITION_BITS - timeBits - bits);
  const twinBits = hasTwins ? Math.min(TWIN_BITS, freeBits) : 0;
  const groupBits = hasGroups ? Math.min(GROUP_BITS, freeBits - twinBits) : 0;
  return {
    steps: steps.length,
    exclusions: exclusions.length,
    canOverlap,
    hasFirstStep,
    codeBits: bits + groupBits + twinBits,
    twinBits,
    groupBits,
  };
}

/** Whether one event can meet both selectors, as far as names and types say. */
export function mayMeet(a: EventSelector, b: EventSelector): boolean {
  const differ = (one: string | null, other: string | null): boolean =>
    one !== null && other !== null && one !== other;
  return !differ(a.event, b.event) && !differ(a.type, b.type);
}

/**
 * The position of an event, as SQL over its columns.
 *
 * @param groupNumber Expression for a number of its group that fits into the bits for it.
 */
export function positionSql(
  query: FunnelQuery,
  layout: PositionLayout,
  context: FilterContext,
  groupNumber: string | undefined,
): string {
  const { statement, range } = context;
  const conditions = query.steps.map((step, index) => selectorSql(step, context, `/steps/${index}`));
  const bits = [
    ...query.exclusions.map((exclusion, index): [string, number] => [
      selectorSql(exclusion, context, `/exclusions/${index}`),
      exclusionBit(layout, index),
    ]),
    ...conditions.map((condition, index): [string, number] => [condition, stepBit(layout, index + 1)]),
  ].map(([condition, bit]) => `${condition} * ${2 ** bit}`);
  if (layout.hasFirstStep) {
    const isExcluded = query.exclusions
      .map((exclusion, index) => selectorSql(exclusion, context, `/exclusions/${index}`))
      .map((condition) => `${condition}, 0, `)
      .join('');
    const first = `multiIf(${conditions.map((condition, index) => `${condition}, ${index + 1}, `).join('')}${isExcluded}${NO_STEP})`;
    bits.push(`${first} * ${2 ** stepBit(layout, layout.steps + 1)}`);
  }
  if (groupNumber !== undefined && layout.groupBits > 0)
    bits.push(`${groupNumber} * ${2 ** layout.twinBits}`);
  const sinceStart = `toUnixTimestamp64Milli(timestamp) - ${statement.bind('Int64', range.fromMs)}`;
  return `toUInt64(${sinceStart}) * ${2 ** layout.codeBits} + ${bits.join(' + ')}`;
}

/** Sorted positions, with those that are equal told apart by their number. */
export function withTwins({ twinBits }: PositionLayout, sorted: string): string {
  if (twinBits === 0) return sorted;
  const places = `arrayEnumerate(${sorted})`;
  const firsts = `arrayFill((place, x, before) -> x != before, ${places}, ${sorted}, arrayShiftRight(${sorted}, 1))`;
  return `arrayMap((x, place, first) -> x + least(toUInt64(place - first), ${2 ** twinBits - 1}), ${sorted}, ${places}, ${firsts})`;
}

/** A position as it was before twins were told apart. */
export function withoutTwins({ twinBits }: PositionLayout, position: string): string {
  if (twinBits === 0) return position;
  return `bitShiftLeft(bitShiftRight(${position}, ${twinBits}), ${twinBits})`;
}

/** The number of the group of the event at a position. */
export function groupAt({ twinBits, groupBits }: PositionLayout, position: string): string {
  return `bitAnd(bitShiftRight(${position}, ${twinBits}), ${2 ** groupBits - 1})`;
}

/** Whether the event at a position does a step, counted from 1. */
export function doesStep(layout: PositionLayout, step: number, position = 'x'): string {
  return `bitTest(${position}, ${stepBit(layout, step)})`;
}

/** Whether the event at a position does any of some steps, counted from 1. */
export function doesAnyStep(layout: PositionLayout, steps: readonly number[], position = 'x'): string {
  const mask = steps.reduce((sum, step) => sum + 2 ** stepBit(layout, step), 0);
  return `bitAnd(${position}, ${mask}) != 0`;
}

/** Whether the event at a position is excluded by an exclusion, counted from 0. */
export function isExcludedBy(layout: PositionLayout, exclusion: number, position = 'x'): string {
  return `bitTest(${position}, ${exclusionBit(layout, exclusion)})`;
}

/** The last position within the window of the attempt that starts at a position: both ends are included. */
export function windowEnd(
  layout: PositionLayout,
  statement: Statement,
  seconds: number,
  start: string,
): string {
  const length = `bitShiftLeft(${statement.bind('UInt64', seconds * 1_000)}, ${layout.codeBits})`;
  return `bitOr(${start}, ${2 ** layout.codeBits - 1}) + ${length}`;
}

/** Milliseconds since the start of the range. */
export function timeOf(layout: PositionLayout, position: string): string {
  return `toInt64(bitShiftRight(${position}, ${layout.codeBits}))`;
}

function stepBit(layout: PositionLayout, step: number): number {
  return exclusionBit(layout, layout.exclusions) + step - 1;
}

function exclusionBit({ twinBits, groupBits }: PositionLayout, exclusion: number): number {
  return twinBits + groupBits + exclusion;
}

/** Different conditions that one event could meet at most, where each must be given an event of its own. */
const MAX_ENTANGLED = 4;

/** Steps of equal conditions; what one event could do is in one knot, what it could not in others. */
export type Knot = number[][];

/**
 * The steps (counted from 1) as knots of steps that one event could do.
 * @throws SluiceError invalid_query when too many different conditions are in one knot.
 */
export function knotsOf(steps: readonly EventSelector[]): Knot[] {
  const knots: Knot[] = [];
  const conditionOf = ({ event, type, filters }: EventSelector): string =>
    JSON.stringify([event, type, filters]);
  for (const [index, step] of steps.entries()) {
    const touched = knots.filter((knot) => knot.flat().some((other) => mayMeet(step, steps[other - 1]!)));
    const merged = touched.flat();
    const equal = merged.find((one) => conditionOf(steps[one[0]! - 1]!) === conditionOf(step));
    if (equal === undefined) merged.push([index + 1]);
    else equal.push(index + 1);
    for (const knot of touched) knots.splice(knots.indexOf(knot), 1);
    knots.push(merged);
    if (merged.length > MAX_ENTANGLED) {
      throw new SluiceError('invalid_query', {
        message: `In a funnel of any order, at most ${MAX_ENTANGLED} different steps may be such that one event could do several of them.`,
        field: `/steps/${index}`,
      });
    }
  }
  return knots;
}
