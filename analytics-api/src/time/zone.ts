/** A stretch of time in which a zone keeps one offset. `toMs` is not part of it. */
export interface OffsetSegment {
  fromMs: number;
  toMs: number;
  /** Local wall time minus UTC. */
  offsetMs: number;
}

export interface Zone {
  /** As it was asked for. */
  readonly name: string;
  offsetAt(epochMs: number): number;
  /** The segments that cover `[fromMs, toMs)`, in order, each with another offset than the one before. */
  segments(fromMs: number, toMs: number): OffsetSegment[];
}

/** Zones are looked up often and never change while the process lives. Cleared when odd spellings pile up. */
const known = new Map<string, Zone>();
const MAX_KNOWN = 1_000;

/** The IANA zone of that name; undefined when there is none. Bare offsets such as `+02:00` are not zones. */
export function findZone(name: string): Zone | undefined {
  const found = known.get(name);
  if (found !== undefined) return found;
  if (!/^[A-Za-z][\w+\-/]*$/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch {
    return undefined;
  }
  const zone = createZone(
    name,
    remember((epochMs) => readOffset(format, epochMs)),
  );
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(name, zone);
  return zone;
}

/** Offsets that one zone keeps: those of probing about three years. */
const MAX_OFFSETS = 2_000;

/** Reading an offset takes microseconds, a range hundreds of them, and the next question has the same range. */
function remember(offsetAt: (epochMs: number) => number): (epochMs: number) => number {
  const offsets = new Map<number, number>();
  return (epochMs) => {
    const found = offsets.get(epochMs);
    if (found !== undefined) return found;
    const offsetMs = offsetAt(epochMs);
    if (offsets.size >= MAX_OFFSETS) offsets.clear();
    offsets.set(epochMs, offsetMs);
    return offsetMs;
  };
}

function readOffset(format: Intl.DateTimeFormat, epochMs: number): number {
  const match = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/.exec(format.format(epochMs));
  if (match === null) throw new Error(`the local time of ${epochMs} could not be read`);
  const [month, day, year, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(epochMs / 1_000) * 1_000;
}

/** Clocks have never been changed twice within this time. */
const PROBE_MS = 12 * 3_600_000;

function createZone(name: string, offsetAt: (epochMs: number) => number): Zone {
  /** The first whole second in `(lowMs, highMs]` whose offset is not that of `lowMs`. */
  function findChange(lowMs: number, highMs: number): number {
    const before = offsetAt(lowMs);
    let low = Math.floor(lowMs / 1_000);
    let high = Math.ceil(highMs / 1_000);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle * 1_000) === before) low = middle;
      else high = middle;
    }
    return high * 1_000;
  }

  return {
    name,
    offsetAt,
    segments(fromMs, toMs) {
      const segments: OffsetSegment[] = [];
      let startMs = fromMs;
      let offsetMs = offsetAt(fromMs);
      for (let atMs = fromMs; atMs < toMs; atMs += PROBE_MS) {
        const nextMs = Math.min(atMs + PROBE_MS, toMs);
        const nextOffset = offsetAt(nextMs);
        if (nextOffset === offsetMs) continue;
        const changeMs = findChange(atMs, nextMs);
        if (changeMs >= toMs) break;
        segments.push({ fromMs: startMs, toMs: changeMs, offsetMs });
        startMs = changeMs;
        offsetMs = nextOffset;
      }
      segments.push({ fromMs: startMs, toMs, offsetMs });
      return segments;
    },
  };
}

/** The first instant within the segments at which local clocks show `wallMs` or later; undefined when none does. */
export function firstInstantAt(segments: readonly OffsetSegment[], wallMs: number): number | undefined {
  for (const { fromMs, toMs, offsetMs } of segments) {
    const instant = Math.max(fromMs, wallMs - offsetMs);
    if (instant < toMs) return instant;
  }
  return undefined;
}
