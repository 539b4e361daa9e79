import type { TimeRange } from './range.js';
import { resolveRange } from './range.js';
import type { Zone } from './zone.js';

/**
 * The period right before a range, as long by local clocks: the day before, however many hours it has; the three months
 * before three whole months, however many days.
 */
export function previousPeriod(range: TimeRange, zone: Zone, nowMs: number): TimeRange {
  const from = wallOf(range.fromMs, zone);
  const to = wallOf(range.toMs, zone);
  const startMs = isStartOfMonth(from) && isStartOfMonth(to) ? monthsBefore(from, to) : from - (to - from);
  const { fromMs } = resolveRange(
    { from: new Date(startMs).toISOString().slice(0, 23), to: new Date(range.fromMs).toISOString() },
    zone,
    nowMs,
  );
  return { fromMs, toMs: range.fromMs };
}

/** A range that starts where it is told and is as long, by local clocks, as another. */
export function periodFrom(from: string, like: TimeRange, zone: Zone, nowMs: number): TimeRange {
  const lengthMs = wallOf(like.toMs, zone) - wallOf(like.fromMs, zone);
  const { fromMs } = resolveRange({ from, to: '2099-12-31' }, zone, nowMs);
  const endMs = wallOf(fromMs, zone) + lengthMs;
  return resolveRange(
    { from: new Date(fromMs).toISOString(), to: new Date(endMs).toISOString().slice(0, 23) },
    zone,
    nowMs,
  );
}

/** Local wall time, as if it were UTC. */
function wallOf(epochMs: number, zone: Zone): number {
  return epochMs + zone.offsetAt(epochMs);
}

function isStartOfMonth(wallMs: number): boolean {
  return new Date(wallMs).toISOString().slice(8) === '01T00:00:00.000Z';
}

function monthsBefore(fromWallMs: number, toWallMs: number): number {
  const from = new Date(fromWallMs);
  const to = new Date(toWallMs);
  const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  return Date.UTC(from.getUTCFullYear(), from.getUTCMonth() - months, 1);
}
