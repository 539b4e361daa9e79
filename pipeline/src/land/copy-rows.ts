import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { once } from 'node:events';
import { encodeJson, encodeText } from '../text-form.js';
import type { PreparedMessage } from './prepare-batch.js';

/** A prepared message with the session it was given: one new row of `events`. */
export interface NewRow {
  prepared: PreparedMessage;
  sessionId: string;
}

const COPY_EVENTS = `copy events (project_id, event_id, batch_id, batch_seq, received_at, "timestamp", type, event, message_id,
  anonymous_id, user_id, session_id, enrichment, message) from stdin`;
/** Rows of one chunk: large enough to be sent at once, small enough to be joined without a second copy of the batch. */
const ROWS_PER_CHUNK = 500;

/**
 * Writes rows with COPY, in order; `batch_seq` is a row's position. Rejects with the database's error when it refuses a
 * row, and with a unique violation when a row exists.
 */
export async function copyRows(
  client: pg.ClientBase,
  batchId: number,
  rows: readonly NewRow[],
): Promise<void> {
  const stream = client.query(copyFrom(COPY_EVENTS));
  const finished = once(stream, 'finish');
  for (let start = 0; start < rows.length; start += ROWS_PER_CHUNK) {
    let chunk = '';
    const end = Math.min(start + ROWS_PER_CHUNK, rows.length);
    for (let seq = start; seq < end; seq++) chunk += encodeRow(batchId, seq, rows[seq]!);
    stream.write(chunk);
  }
  stream.end();
  await finished;
}

function encodeRow(batchId: number, seq: number, { prepared, sessionId }: NewRow): string {
  const received = new Date(prepared.receivedAtMs).toISOString();
  const happened = new Date(prepared.timestampMs).toISOString();
  return (
    `${prepared.projectId}\t${prepared.eventId}\t${batchId}\t${seq}\t${received}\t${happened}\t${prepared.type}\t` +
    `${encodeText(prepared.event)}\t${encodeText(prepared.messageId)}\t${encodeText(prepared.anonymousId)}\t` +
    `${encodeText(prepared.userId)}\t${sessionId}\t${encodeJson(prepared.enrichmentText)}\t` +
    `${encodeJson(prepared.messageText)}\n`
  );
}
