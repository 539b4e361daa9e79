import type { Statement } from '../sql/statement.js';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
/** Of the 96 quarters of a day, the first of the afternoon; each half has a mask of its own. */
const NOON = 48;

/** A stretch of time, and the number that stands for it. */
export interface Placed {
  startMs: number;
  /** Not included. */
  endMs: number;
  place: number;
}

/** Buckets numbered in their order. */
export function numbered(
  buckets: readonly { startMs: number; endMs: number }[],
  firstPlace: number,
): Placed[] {
  return buckets.map(({ startMs, endMs }, index) => ({ startMs, endMs, place: firstPlace + index }));
}

/**
 * The place that an instant (an expression, milliseconds) lies in. The places follow each other without a gap, and the
 * instant must lie in one of them.
 */
export function placeSql(statement: Statement, atMs: string, places: readonly Placed[]): string {
  const first = places[0]!;
  const lengthMs = first.endMs - first.startMs;
  // Places of one length, but for a last one that is cut short, need no search.
  const isEven = places.every(
    ({ startMs, endMs, place }, index) =>
      startMs === first.startMs + index * lengthMs &&
      endMs - startMs <= lengthMs &&
      place === first.place + index,
  );
  if (isEven) {
    const [firstMs, length] = [
      statement.bind('Int64', first.startMs),
      statement.bind('Int64', lengthMs),
    ] as const;
    return `toUInt16(intDiv(${atMs} - ${firstMs}, ${length}) + ${statement.bind('UInt16', first.place)})`;
  }
  const starts = statement.bind(
    'Array(Int64)',
    places.map(({ startMs }) => startMs),
  );
  const numbers = statement.bind(
    'Array(UInt16)',
    places.map(({ place }) => place),
  );
  return `transform(roundDown(${atMs}, ${starts}), ${starts}, ${numbers}, toUInt16(0))`;
}

/** Rows that one row of a day gives: at most one for each. */
export interface DayBranch {
  /** Conditions on the row, all of which must hold. */
  conditions: string[];
  /** The place that the row falls into. */
  place: string;
}

export interface DayPlaceOptions {
  /** What lies before the first place falls into place 0; else it is left out. */
  earlier?: boolean;
  /** What to give in place of the number of a place. */
  shown?: { type: 'Int64'; of: (place: number) => number };
}

/**
 * For tables with `day`, `slots_am` and `slots_pm`: a row falls into every place in which it has a quarter. The places follow
 * each other without a gap; all of their bounds must be whole quarters.
 *
 * Local days begin within days of UTC, so a row can fall into two places, or three. The first branch gives the first place of
 * each row, the second the second place of those that have two, and so on: most rows have one, and joining arrays of places
 * costs more than reading the table again.
 */
export function dayBranches(
  statement: Statement,
  places: readonly Placed[],
  options: DayPlaceOptions = {},
): DayBranch[] {
  const { earlier = false, shown = { type: 'UInt16', of: (place: number) => place } } = options;
  const fromMs = places[0]!.startMs;
  const firstDay = Math.floor(fromMs / DAY_MS);
  const lastDay = Math.floor((places.at(-1)!.endMs - 1) / DAY_MS);
  const date = (day: number): string => `toDate(${statement.bind('UInt16', day)})`;
  const inDays = [...(earlier ? [] : [`day >= ${date(firstDay)}`]), `day <= ${date(lastDay)}`];
  const spans = spansOfDays(
    earlier ? [{ startMs: firstDay * DAY_MS, endMs: fromMs, place: 0 }, ...places] : places,
    firstDay,
    lastDay,
  );
  const index = `greatest(toInt32(toUInt16(day)) - ${statement.bind('Int32', firstDay - 1)}, 1)`;
  const lookUp = (type: string, values: readonly number[]): string =>
    `${statement.bind(`Array(${type})`, values)}[${index}]`;
  const most = Math.max(...spans.map(({ length }) => length));
  const nth = Array.from({ length: most }, (_span, at) => {
    const mask = (half: 'am' | 'pm'): string =>
      byRuns(
        spans.map((ofDay) => ofDay[at]?.[half] ?? 0),
        { statement, firstDay, lookUp },
      );
    return {
      place: lookUp(
        shown.type,
        spans.map((ofDay) => shown.of(ofDay[at]?.place ?? 0)),
      ),
      hit: `(bitAnd(slots_am, ${mask('am')}) != 0 or bitAnd(slots_pm, ${mask('pm')}) != 0)`,
    };
  });
  const isEarlier = `day < ${date(firstDay)}`;
  const first = nth.length === 1 ? nth[0]!.place : `multiIf(${chain(nth)})`;
  const isWhole = most === 1 && spans.every((ofDay) => isWholeDay(ofDay[0]));
  const anyHit = nth.map(({ hit }) => hit).join(' or ');
  const branches: DayBranch[] = [
    {
      conditions: [...inDays, ...(isWhole ? [] : [`(${earlier ? `${isEarlier} or ` : ''}${anyHit})`])],
      place: earlier ? `if(${isEarlier}, ${zeroOf(shown)}, ${first})` : first,
    },
  ];
  for (let count = 2; count <= most; count += 1) {
    // The last of `count` hits, where there are as many.
    const options = nth.slice(count - 1).map(({ hit, place }, offset) => ({
      hit: `(${nth
        .slice(0, count - 1 + offset)
        .map((one) => `toUInt8${one.hit}`)
        .join(' + ')} = ${count - 1} and ${hit})`,
      place,
    }));
    branches.push({
      conditions: [
        `day >= ${date(firstDay)}`,
        `day <= ${date(lastDay)}`,
        `(${options.map(({ hit }) => hit).join(' or ')})`,
      ],
      place: options.length === 1 ? options[0]!.place : `multiIf(${chain(options)})`,
    });
  }
  return branches;
}

function chain(options: readonly { hit: string; place: string }[]): string {
  return options
    .map(({ hit, place }, at) => (at === options.length - 1 ? place : `${hit}, ${place}`))
    .join(', ');
}

function zeroOf({
  type,
  of,
}: NonNullable<DayPlaceOptions['shown']> | { type: 'UInt16'; of: (p: number) => number }): string {
  return `to${type}(${of(0)})`;
}

const ALL_QUARTERS = 2 ** NOON - 1;

function isWholeDay(span: Span | undefined): boolean {
  return span?.am === ALL_QUARTERS && span.pm === ALL_QUARTERS;
}

/** So many different stretches at most are told apart by comparing days; of more, each day is looked up. */
const MAX_RUNS = 6;

/** A mask for each day, by stretches of days with the same one: few, but for the ends of the range and changes of clocks. */
function byRuns(
  masks: readonly number[],
  {
    statement,
    firstDay,
    lookUp,
  }: { statement: Statement; firstDay: number; lookUp: (type: string, values: readonly number[]) => string },
): string {
  const ends = masks.flatMap((mask, at) => (at + 1 === masks.length || masks[at + 1] !== mask ? [at] : []));
  if (ends.length > MAX_RUNS) return lookUp('UInt64', masks);
  const value = (at: number): string => statement.bind('UInt64', masks[at]);
  if (ends.length === 1) return value(0);
  const runs = ends
    .slice(0, -1)
    .map((at) => `day <= toDate(${statement.bind('UInt16', firstDay + at)}), ${value(at)}`);
  return `multiIf(${runs.join(', ')}, ${value(masks.length - 1)})`;
}

interface Span {
  place: number;
  /** The quarters that the place has in each half of a UTC day, as masks. */
  am: number;
  pm: number;
}

function spansOfDays(places: readonly Placed[], firstDay: number, lastDay: number): Span[][] {
  const days = Array.from({ length: lastDay - firstDay + 1 }, (): Span[] => []);
  for (const { startMs, endMs, place } of places) {
    for (let day = Math.floor(startMs / DAY_MS); day * DAY_MS < endMs; day += 1) {
      const from = Math.max((startMs - day * DAY_MS) / QUARTER_MS, 0);
      const to = Math.min((endMs - day * DAY_MS) / QUARTER_MS, 2 * NOON);
      if (from >= to) continue;
      days[day - firstDay]!.push({
        place,
        am: bitsBetween(Math.min(from, NOON), Math.min(to, NOON)),
        pm: bitsBetween(Math.max(from, NOON) - NOON, Math.max(to, NOON) - NOON),
      });
    }
  }
  return days;
}

/** Bits `from` to `to` - 1; there are 48, so that a number holds them exactly. */
function bitsBetween(from: number, to: number): number {
  return 2 ** to - 2 ** from;
}
