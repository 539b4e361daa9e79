import type { JsonObject } from '../decode/json.js';
import type { Enrichment } from '../enrich/enrich.js';

/** A row of Postgres's `events`, as landing writes it and as rolling up reads it. */
export interface RawRow {
  projectId: number;
  eventId: string;
  receivedAtMs: number;
  timestampMs: number;
  type: string;
  event: string;
  messageId: string;
  anonymousId: string | null;
  userId: string | null;
  sessionId: string | null;
  enrichment: Enrichment;
  message: JsonObject;
}

/** What `pg` returns for SELECT_RAW_ROW. */
export interface RawRowResult {
  project_id: number;
  event_id: string;
  received_at: Date;
  timestamp: Date;
  type: string;
  event: string;
  message_id: string;
  anonymous_id: string | null;
  user_id: string | null;
  session_id: string | null;
  enrichment: Enrichment;
  message: JsonObject;
}

export const RAW_ROW_COLUMNS =
  'project_id, event_id, received_at, "timestamp", type, event, message_id, anonymous_id, user_id, session_id, enrichment, message';

export function rawRowFrom(row: RawRowResult): RawRow {
  return {
    projectId: row.project_id,
    eventId: row.event_id,
    receivedAtMs: row.received_at.getTime(),
    timestampMs: row.timestamp.getTime(),
    type: row.type,
    event: row.event,
    messageId: row.message_id,
    anonymousId: row.anonymous_id,
    userId: row.user_id,
    sessionId: row.session_id,
    enrichment: row.enrichment,
    message: row.message,
  };
}
