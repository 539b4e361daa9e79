import { SluiceError } from '@sluice/contracts';
import { findZone, firstInstantAt, type Zone } from './zone.js';

const DAY_MS = 86_400_000;
/** Rollups keep their quarters of an hour as 32-bit times. */
const EARLIEST_MS = 0;
const LATEST_MS = Date.UTC(2100, 0, 1);

export interface TimeRange {
  fromMs: number;
  /** Not included. */
  toMs: number;
}

/** @throws SluiceError invalid_timezone */
export function zoneOf(name: string): Zone {
  const zone = findZone(name);
  if (zone === undefined) {
    throw new SluiceError('invalid_timezone', {
      message: `${JSON.stringify(name)} is not an IANA time zone.`,
      field: '/timezone',
    });
  }
  return zone;
}

/**
 * The range that two bounds mean in a zone. A date is the whole local day, on both ends; a local time that clocks show
 * twice means its first instant, and one that they skip the instant of the change, so that ranges that meet never overlap.
 * @throws SluiceError invalid_date_range
 */
export function resolveRange(
  bounds: { from?: string | undefined; to?: string | undefined },
  zone: Zone,
  nowMs: number,
): TimeRange {
  const toText = bounds.to ?? localDate(zone, nowMs);
  const toMs = resolveBound(toText, zone, 'to');
  const fromText = bounds.from ?? shiftDate(localDate(zone, toMs - 1), -6);
  const fromMs = resolveBound(fromText, zone, 'from');
  if (fromMs >= toMs) {
    throw new SluiceError('invalid_date_range', {
      message: `The range ends (${isoOf(toMs)}) before it starts (${isoOf(fromMs)}).`,
      field: '/to',
    });
  }
  return { fromMs, toMs };
}

export function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** `YYYY-MM-DD` on local clocks. */
export function localDate(zone: Zone, epochMs: number): string {
  return isoOf(epochMs + zone.offsetAt(epochMs)).slice(0, 10);
}

function shiftDate(date: string, days: number): string {
  return isoOf(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).slice(0, 10);
}

function resolveBound(text: string, zone: Zone, end: 'from' | 'to'): number {
  const instant = instantOf(text, zone, end);
  if (!(instant >= EARLIEST_MS && instant <= LATEST_MS)) {
    throw new SluiceError('invalid_date_range', {
      message: `${JSON.stringify(text)} is not a time between 1970 and 2100.`,
      field: `/${end}`,
    });
  }
  return instant;
}

function instantOf(text: string, zone: Zone, end: 'from' | 'to'): number {
  if (/(Z|[+-]\d{2}:\d{2})$/.test(text) && text.includes('T')) return Date.parse(text);
  const isDate = !text.includes('T');
  const wallMs = Date.parse(isDate ? `${text}T00:00:00Z` : `${text}Z`);
  // Dates such as 02-30 are moved on by the parser, or refused: neither is what was asked for.
  if (Number.isNaN(wallMs) || !isoOf(wallMs).startsWith(text.slice(0, 10))) return NaN;
  return startOf(isDate && end === 'to' ? wallMs + DAY_MS : wallMs, zone);
}

/** The first instant at which local clocks show `wallMs` or later. */
function startOf(wallMs: number, zone: Zone): number {
  const instant = firstInstantAt(zone.segments(wallMs - 2 * DAY_MS, wallMs + 2 * DAY_MS), wallMs);
  return instant ?? NaN;
}
