import type { EnrichedMessage } from '../enrich/enrich.js';
import { encodeJson, encodeText, encodeTime, NIL_UUID } from '../text-form.js';

/** Columns of Postgres's `events` in the order of a raw line's values. */
export const RAW_LINE_COLUMNS =
  'batch_seq, session_id, batch_id, project_id, event_id, received_at, "timestamp", type, event, message_id, anonymous_id, ' +
  'user_id, enrichment, message';

/** What only landing knows of a row, at the start of its line; of fixed width, so that it can be filled in later. */
export function encodeRawStart(seq: number, sessionId: string): string {
  return `${String(seq).padStart(SEQ_WIDTH, '0')}\t${sessionId}\t`;
}

const SEQ_WIDTH = 9;
const UNKNOWN_START = encodeRawStart(0, NIL_UUID);

/** A message as a line of COPY, its start to be overwritten with `encodeRawStart`. */
export function encodeRawLine(batchId: number, { decoded, enrichment, message }: EnrichedMessage): string {
  return (
    `${UNKNOWN_START}${batchId}\t${decoded.projectId}\t${decoded.eventId}\t` +
    `${encodeTime(decoded.receivedAtMs)}+00\t${encodeTime(decoded.timestampMs)}+00\t${decoded.type}\t` +
    `${encodeText(decoded.event)}\t${encodeText(decoded.messageId)}\t${encodeText(decoded.anonymousId)}\t` +
    `${encodeText(decoded.userId)}\t${encodeJson(JSON.stringify(enrichment))}\t` +
    `${encodeJson(JSON.stringify(message))}\n`
  );
}
