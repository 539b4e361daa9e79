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

/** How rows of days with masks of quarters fall into places. */
export interface DayPlaceSql {
  /** Conditions on the row, all of which must hold. */
  conditions: string[];
  /** The places of the row, each of which gives a row of its own. */
  place: string;
}

/**
 * For tables with `day`, `slots_am` and `slots_pm`: a row falls into every place in which it has a quarter. The places follow
 * each other without a gap; all of their bounds must be whole quarters. What lies in each UTC day is looked up in an array
 * by the day.
 *
 * @param earlier What lies before the first place falls into place 0; else it is left out.
 */
export function dayPlaceSql(
  statement: Statement,
  places: readonly Placed[],
  { earlier = false }: { earlier?: boolean } = {},
): DayPlaceSql {
  const fromMs = places[0]!.startMs;
  const firstDay = Math.floor(fromMs / DAY_MS);
  const lastDay = Math.floor((places.at(-1)!.endMs - 1) / DAY_MS);
  const date = (day: number): string => `toDate(${statement.bind('UInt16', day)})`;
  const conditions = [...(earlier ? [] : [`day >= ${date(firstDay)}`]), `day <= ${date(lastDay)}`];
  const index = `greatest(toInt32(toUInt16(day)) - ${statement.bind('Int32', firstDay - 1)}, 1)`;
  const ofEarlier = (nothing: string, found: string): string =>
    earlier ? `if(day < ${date(firstDay)}, ${nothing}, ${found})` : found;

  if (places.every(({ startMs, endMs }) => startMs % DAY_MS === 0 && endMs % DAY_MS === 0)) {
    const ofDay = places.flatMap(({ startMs, endMs, place }) =>
      new Array<number>((endMs - startMs) / DAY_MS).fill(place),
    );
    return {
      conditions,
      place: ofEarlier('toUInt16(0)', `${statement.bind('Array(UInt16)', ofDay)}[${index}]`),
    };
  }
  const spans = spansOfDays(
    earlier ? [{ startMs: firstDay * DAY_MS, endMs: fromMs, place: 0 }, ...places] : places,
    firstDay,
    lastDay,
  );
  const [numbers, am, pm] = [
    statement.bind(
      'Array(Array(UInt16))',
      spans.map((ofDay) => ofDay.map(({ place }) => place)),
    ),
    ...(['am', 'pm'] as const).map((half) =>
      statement.bind(
        'Array(Array(UInt64))',
        spans.map((ofDay) => ofDay.map((span) => span[half])),
      ),
    ),
  ] as [string, string, string];
  const hit = `arrayFilter((p, a, b) -> bitAnd(slots_am, a) != 0 or bitAnd(slots_pm, b) != 0,
        ${numbers}[${index}], ${am}[${index}], ${pm}[${index}])`;
  return { conditions, place: `arrayJoin(${ofEarlier('[toUInt16(0)]', hit)})` };
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
