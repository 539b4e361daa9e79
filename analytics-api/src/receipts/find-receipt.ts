import { SluiceError, type Receipt, type Watermark } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { databaseOf } from '../freshness/completeness.js';
import { askDeadLetters } from '../questions/dead-letters.js';
import { askMissingOffsets } from '../questions/missing-offsets.js';
import {
  askDuplicates,
  askEventById,
  askEventByTime,
  askPendingEvent,
  askRolledUpEvent,
} from '../questions/receipts.js';
import { isoOf } from '../time/range.js';

export interface ReceiptRequest {
  projectId: number;
  messageId: string;
  /** The client's own timestamp as it was sent, milliseconds: finds the message faster. */
  timestampMs: number | undefined;
  /** Point in the log after the message, from the gateway's answer. */
  watermark: Watermark | undefined;
  signal: AbortSignal;
}

interface Found {
  state: 'landed' | 'rolled_up';
  eventId: string;
  receivedAt: string;
  timestamp: string;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const SHOWN_DEAD_LETTERS = 20;

/**
 * What became of a message.
 * @throws SluiceError receipt_not_found
 */
export async function findReceipt(request: ReceiptRequest, context: ApiContext): Promise<Receipt> {
  const { projectId, messageId, watermark, signal } = request;
  const { runPostgres, log } = context;
  // Asked first: when this says that the log has more than is landed, a message not found may still be on its way.
  const isOnItsWay =
    watermark !== undefined &&
    (await runPostgres(askMissingOffsets(log.id, watermark), { signal })).rows.some(({ landed }) => !landed);

  const found = await findEvent(request, context);
  const [duplicates, letters] = await Promise.all([
    runPostgres(askDuplicates(projectId, messageId), { signal }),
    runPostgres(
      askDeadLetters({
        projectId,
        messageId,
        source: null,
        code: null,
        before: null,
        limit: SHOWN_DEAD_LETTERS,
      }),
      { signal },
    ),
  ]);
  const state =
    found?.state ?? (letters.rows.length > 0 ? 'dead_lettered' : isOnItsWay ? 'accepted' : undefined);
  if (state === undefined) throw new SluiceError('receipt_not_found', { retryAfterSeconds: 1 });
  return {
    message_id: messageId,
    state,
    event_id: found?.eventId ?? null,
    received_at: found?.receivedAt ?? null,
    timestamp: found?.timestamp ?? null,
    duplicates: duplicates.rows[0]?.duplicates ?? 0,
    dead_letters: letters.rows.map((row) => ({
      dead_letter_id: row.dead_letter_id,
      source: row.source,
      code: row.code,
      message: row.message,
      field: row.field,
      received_at: row.received_at?.toISOString() ?? null,
      replayed_at: row.replayed_at?.toISOString() ?? null,
    })),
  };
}

async function findEvent(request: ReceiptRequest, context: ApiContext): Promise<Found | undefined> {
  const { projectId, messageId, timestampMs, signal } = request;
  const { runPostgres, runClickHouse } = context;
  if (UUID_V7.test(messageId)) {
    const { rows } = await runPostgres(askEventById(projectId, messageId.toLowerCase()), { signal });
    return rows[0] && landed(rows[0]);
  }
  if (timestampMs !== undefined) {
    const { rows } = await runPostgres(askEventByTime(projectId, messageId, timestampMs), { signal });
    if (rows[0] !== undefined) return landed(rows[0]);
  }
  // In this order: a batch that is rolled up between the two questions is seen by the second.
  const completeness = await context.readCompleteness(projectId, { signal });
  const pending = await runPostgres(askPendingEvent(projectId, messageId), { signal });
  if (pending.rows[0] !== undefined) return landed(pending.rows[0]);
  const { rows } = await runClickHouse(
    askRolledUpEvent(databaseOf(context, completeness), projectId, messageId),
    { signal },
  );
  const row = rows[0];
  return (
    row && {
      state: 'rolled_up',
      eventId: row.event_id,
      receivedAt: isoOf(row.received_ms),
      timestamp: isoOf(row.timestamp_ms),
    }
  );
}

function landed(row: { event_id: string; received_at: Date; timestamp: Date; pending: boolean }): Found {
  return {
    state: row.pending ? 'landed' : 'rolled_up',
    eventId: row.event_id,
    receivedAt: row.received_at.toISOString(),
    timestamp: row.timestamp.toISOString(),
  };
}
