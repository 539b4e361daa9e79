const DAY_MS = 86_400_000;
/** Offsets of all zones change on quarter-hours only. */
const OFFSET_STEP_MS = 900_000;

/**
 * Tells which part of the local day has passed at an instant, 0 to below 1.
 *
 * @throws RangeError when the zone is not a known IANA zone
 */
export function createDayShare(timeZone: string): (startMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  if (format.resolvedOptions().timeZone === 'UTC') return (startMs) => shareOfDay(startMs);
  let knownStep = Number.NaN;
  let offsetMs = 0;
  return (startMs) => {
    const step = Math.floor(startMs / OFFSET_STEP_MS);
    if (step !== knownStep) {
      knownStep = step;
      offsetMs = readOffsetMs(format, startMs);
    }
    return shareOfDay(startMs + offsetMs);
  };
}

function shareOfDay(localMs: number): number {
  return (((localMs % DAY_MS) + DAY_MS) % DAY_MS) / DAY_MS;
}

/** From `GMT`, `GMT-03:30`, `GMT+01:00` or `GMT-00:25:21`. */
function readOffsetMs(format: Intl.DateTimeFormat, startMs: number): number {
  const name = format.formatToParts(startMs).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  const match = /GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?/.exec(name);
  if (match === null) return 0;
  const seconds = Number(match[2]) * 3_600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return (match[1] === '-' ? -1 : 1) * seconds * 1_000;
}
