import type { EventItem, EventPage } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { databaseOf, type Completeness } from '../freshness/completeness.js';
import { askEvents, type EventFilter, type EventRow } from '../questions/events.js';
import { askPersonEvents, type PersonEventRow } from '../questions/person-events.js';
import { askRawEvents, type RawEventRow } from '../questions/raw-events.js';
import { isoOf } from '../time/range.js';
import { formatEventCursor, type EventKey } from './event-cursor.js';

const HOUR_MS = 3_600_000;
/** Newest events are usually asked for: each step back reaches further, so that a page reads little more than it needs. */
const STEPS_MS = [6 * HOUR_MS, 48 * HOUR_MS, 16 * 24 * HOUR_MS, 128 * 24 * HOUR_MS, Infinity];
const LATEST_MS = Date.UTC(2100, 0, 1);
const NIL = '00000000-0000-0000-0000-000000000000';

export interface EventPageOptions {
  projectId: number;
  filter: EventFilter;
  fromMs?: number | undefined;
  toMs?: number | undefined;
  before?: EventKey | undefined;
  limit: number;
  signal: AbortSignal;
}

/** A page of events, newest first: found in ClickHouse, with what Postgres has stored of each. */
export async function readEventPage(options: EventPageOptions, context: ApiContext): Promise<EventPage> {
  const { projectId, limit, signal } = options;
  const completeness = await context.readCompleteness(projectId, { signal });
  const rows = await findRows(options, databaseOf(context, completeness), context);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    events: await withRawEvents(projectId, shown, context, signal),
    next_cursor:
      rows.length > limit && last !== undefined
        ? formatEventCursor({ timestampMs: last.timestamp_ms, eventId: last.event_id })
        : null,
    complete_through:
      completeness.completeThroughMs === undefined ? null : isoOf(completeness.completeThroughMs),
  };
}

/** One row more than the page has, when there is one. */
async function findRows(
  { projectId, filter, fromMs = 0, toMs = LATEST_MS, before, limit, signal }: EventPageOptions,
  database: string,
  context: ApiContext,
): Promise<EventRow[]> {
  const wanted = limit + 1;
  const found: EventRow[] = [];
  let endMs = before === undefined ? toMs : Math.min(toMs, before.timestampMs + 1);
  const newestMs = Math.min(endMs, context.now());
  for (const stepMs of STEPS_MS) {
    const startMs = Math.max(fromMs, newestMs - stepMs);
    if (startMs < endMs) {
      const { rows } = await context.runClickHouse(
        askEvents({
          database,
          projectId,
          filter,
          fromMs: startMs,
          toMs: endMs,
          before,
          limit: wanted - found.length,
        }),
        { signal },
      );
      found.push(...rows);
      endMs = startMs;
    }
    if (found.length >= wanted || startMs <= fromMs) break;
  }
  return found;
}

async function withRawEvents(
  projectId: number,
  rows: readonly EventRow[],
  context: ApiContext,
  signal: AbortSignal,
): Promise<EventItem[]> {
  const byId = await readRaw(projectId, rows, context, signal);
  return rows.map((row) => ({
    event_id: row.event_id,
    message_id: row.message_id,
    type: row.type,
    event: row.event,
    timestamp: isoOf(row.timestamp_ms),
    received_at: isoOf(row.received_ms),
    anonymous_id: row.anonymous_id === '' ? null : row.anonymous_id,
    user_id: row.user_id === '' ? null : row.user_id,
    session_id: row.session_id === NIL ? null : row.session_id,
    enrichment: byId.get(row.event_id)?.enrichment ?? null,
    message: byId.get(row.event_id)?.message ?? null,
  }));
}

async function readRaw(
  projectId: number,
  rows: readonly { event_id: string }[],
  context: ApiContext,
  signal: AbortSignal,
): Promise<Map<string, RawEventRow>> {
  if (rows.length === 0) return new Map();
  const ids = rows.map(({ event_id }) => event_id);
  const raw = await context.runPostgres(askRawEvents(projectId, ids), { signal });
  return new Map(raw.rows.map((row) => [row.event_id, row]));
}

export interface TimelinePageOptions {
  projectId: number;
  /** Ids of the person, before merges. */
  actorIds: readonly string[];
  /** Read before the events are. */
  completeness: Completeness;
  before?: EventKey | undefined;
  limit: number;
  signal: AbortSignal;
}

/**
 * A page of what one person did, newest first. ClickHouse knows the order, Postgres the events; one that Postgres no longer
 * keeps is shown as ClickHouse has it.
 */
export async function readTimelinePage(
  options: TimelinePageOptions,
  context: ApiContext,
): Promise<EventPage> {
  const { projectId, actorIds, completeness, before, limit, signal } = options;
  const database = databaseOf(context, completeness);
  const { rows } = await context.runClickHouse(
    askPersonEvents({ database, projectId, actorIds, before, limit: limit + 1 }),
    { signal },
  );
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const byId = await readRaw(projectId, shown, context, signal);
  const expired = await readExpired(
    shown.filter(({ event_id }) => !byId.has(event_id)),
    { projectId, database, signal },
    context,
  );
  return {
    events: shown.map(({ event_id, timestamp_ms }): EventItem => {
      const raw = byId.get(event_id);
      if (raw === undefined) return expired.get(event_id)!;
      return {
        event_id,
        message_id: raw.message_id,
        type: raw.type,
        event: raw.event,
        timestamp: isoOf(timestamp_ms),
        received_at: raw.received_at.toISOString(),
        anonymous_id: raw.anonymous_id,
        user_id: raw.user_id,
        session_id: raw.session_id,
        enrichment: raw.enrichment,
        message: raw.message,
      };
    }),
    next_cursor:
      rows.length > limit && last !== undefined
        ? formatEventCursor({ timestampMs: last.timestamp_ms, eventId: last.event_id })
        : null,
    complete_through:
      completeness.completeThroughMs === undefined ? null : isoOf(completeness.completeThroughMs),
  };
}

async function readExpired(
  keys: readonly PersonEventRow[],
  { projectId, database, signal }: { projectId: number; database: string; signal: AbortSignal },
  context: ApiContext,
): Promise<Map<string, EventItem>> {
  if (keys.length === 0) return new Map();
  const { rows } = await context.runClickHouse(
    askEvents({
      database,
      projectId,
      filter: { eventIds: keys.map(({ event_id }) => event_id) },
      fromMs: keys.at(-1)!.timestamp_ms,
      toMs: keys[0]!.timestamp_ms + 1,
      before: undefined,
      limit: keys.length,
    }),
    { signal },
  );
  const items = await withRawEvents(projectId, rows, context, signal);
  return new Map(items.map((item) => [item.event_id, item]));
}
