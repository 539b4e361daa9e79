import type { MessageType } from '@sluice/contracts';
import type { LogRecord } from '@sluice/event-log';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ProjectSettings } from '@sluice/service-kit';
import type { BytePool } from '../byte-pool.js';
import {
  decodeRecord,
  messageBytes,
  type DeadLetter,
  type FindElements,
  type DecodedMessage,
  type RecordAccount,
} from '../decode/decode-record.js';
import { asObject, type JsonObject } from '../decode/json.js';
import { enrich, type EnrichedMessage, type EnrichmentTools } from '../enrich/enrich.js';
import type { Sequence } from '../enrich/sequence.js';
import { createCopyBuffer, type CopyBuffer } from './copy-buffer.js';
import type { Span } from '../spans.js';
import { createEventBlock, type EventBlock } from '../roll-up/event-block.js';
import type { RawRow } from './raw-row.js';

/**
 * What landing needs of a message besides its rows. The message itself is gone by then: its rows for both databases are
 * written while it is at hand, which keeps batches of thousands small.
 */
export interface PreparedMessage {
  projectId: number;
  eventId: string;
  messageId: string;
  type: MessageType;
  event: string;
  anonymousId: string | null;
  userId: string | null;
  previousId: string | null;
  deviceId: string;
  receivedAtMs: number;
  timestampMs: number;
  campaign: string | undefined;
  namedSessionId: string | undefined;
  sequence: Sequence | undefined;
  revenue: string | undefined;
  currency: string | undefined;
  /** Of an identify; undefined for others. */
  traits: JsonObject | undefined;
  offset: number;
  recordIndex: number;
  rawRow: Span;
  /** Its number among the rows for ClickHouse. */
  rollupRow: number;
}

/** A message whose id has been seen before. */
export type Duplicate = Pick<
  DecodedMessage,
  'projectId' | 'eventId' | 'messageId' | 'offset' | 'receivedAtMs'
>;

/** What a range of the log comes to, before the database has been asked anything. */
export interface PreparedBatch {
  /** Taken from Postgres's sequence beforehand: it stands in every row. */
  batchId: number;
  /** In the order of the log; every id once. */
  messages: readonly PreparedMessage[];
  /** Rows of Postgres's `events`. */
  rawRows: CopyBuffer;
  /** Rows of ClickHouse's `events`. */
  rollupRows: EventBlock;
  /** Later sends of a message that the same range holds. */
  duplicates: readonly Duplicate[];
  deadLetters: readonly DeadLetter[];
  accounts: readonly RecordAccount[];
}

export interface PreparationTools extends EnrichmentTools {
  findElements: FindElements;
  /** Where batches take the memory of their rows from. Default: nobody hands any on. */
  pool?: BytePool;
}

export type SettingsOf = (projectId: number) => Promise<ProjectSettings>;

/** So much is worked through before others have a turn: a transaction under way must not wait for a whole batch. */
const BYTES_OF_A_TURN = 64 * 1024;

/**
 * Decodes and enriches records and writes their rows. It asks the database for nothing but the settings of the projects in
 * it, so that it may run while the batch before is landing.
 */
export async function prepareBatch(
  batchId: number,
  records: readonly LogRecord[],
  settingsOf: SettingsOf,
  tools: PreparationTools,
): Promise<PreparedBatch> {
  const bytes = records.reduce((sum, record) => sum + record.value.byteLength, 0);
  const rawRows = createCopyBuffer(bytes * 2, tools.pool);
  const rollupRows = createEventBlock(tools.pool);
  const messages: PreparedMessage[] = [];
  const duplicates: Duplicate[] = [];
  const deadLetters: DeadLetter[] = [];
  const accounts: RecordAccount[] = [];
  const projects = new Map<number, { settings: ProjectSettings; seen: Set<string> }>();
  let bytesOfTurn = 0;
  for (const record of records) {
    if (bytesOfTurn >= BYTES_OF_A_TURN) {
      await nextTurn();
      bytesOfTurn = 0;
    }
    bytesOfTurn += record.value.byteLength;
    const decoded = decodeRecord(record, tools.findElements);
    deadLetters.push(...decoded.deadLetters);
    if (decoded.account === undefined) continue;
    accounts.push(decoded.account);
    const { projectId } = decoded.account;
    let project = projects.get(projectId);
    if (project === undefined) {
      project = { settings: await settingsOf(projectId), seen: new Set() };
      projects.set(projectId, project);
    }
    const { settings, seen } = project;
    for (const message of decoded.messages) {
      // One look at a set of thousands in place of two.
      const seenBefore = seen.size;
      seen.add(message.eventId);
      if (seen.size === seenBefore) {
        duplicates.push(duplicateOf(message));
        continue;
      }
      const prepared = prepare({ batchId, rawRows, rollupRows }, message, settings, tools);
      if (prepared === undefined) {
        seen.delete(message.eventId);
        deadLetters.push(deadLetterOf(message, record, 'too_deep', 'The message cannot be written as JSON.'));
      } else {
        messages.push(prepared);
      }
    }
  }
  return { batchId, messages, rawRows, rollupRows, duplicates, deadLetters, accounts };
}

function duplicateOf(message: Duplicate): Duplicate {
  const { projectId, eventId, messageId, offset, receivedAtMs } = message;
  return { projectId, eventId, messageId, offset, receivedAtMs };
}

/** Undefined when the message is nested beyond what can be written. */
function prepare(
  { batchId, rawRows, rollupRows }: Pick<PreparedBatch, 'batchId' | 'rawRows' | 'rollupRows'>,
  decoded: DecodedMessage,
  project: ProjectSettings,
  tools: EnrichmentTools,
): PreparedMessage | undefined {
  try {
    const enriched = enrich(decoded, project, tools);
    const { circumstances, enrichment, message } = enriched;
    const row = rawRowOf(enriched);
    const rollupRow = rollupRows.append(batchId, row, circumstances.facts);
    const rawRow = rawRows.append(batchId, row, {
      enrichment: enriched.enrichmentJson,
      message: message === decoded.message && decoded.bytes ? decoded.bytes : JSON.stringify(message),
    });
    return {
      projectId: decoded.projectId,
      eventId: decoded.eventId,
      messageId: decoded.messageId,
      type: decoded.type,
      event: decoded.event,
      anonymousId: decoded.anonymousId,
      userId: decoded.userId,
      previousId: decoded.previousId,
      deviceId: decoded.deviceId,
      receivedAtMs: decoded.receivedAtMs,
      timestampMs: decoded.timestampMs,
      campaign: circumstances.campaign,
      namedSessionId: enriched.namedSessionId,
      sequence: enriched.sequence,
      revenue: enrichment.revenue,
      currency: enrichment.currency,
      traits: decoded.type === 'identify' ? asObject(message.traits) : undefined,
      offset: decoded.offset,
      recordIndex: decoded.recordIndex,
      rawRow: { start: rawRow, end: rawRows.length },
      rollupRow,
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The row that a message becomes, but for its session. */
function rawRowOf({ decoded, enrichment, message }: EnrichedMessage): RawRow {
  return {
    projectId: decoded.projectId,
    eventId: decoded.eventId,
    receivedAtMs: decoded.receivedAtMs,
    timestampMs: decoded.timestampMs,
    type: decoded.type,
    event: decoded.event,
    messageId: decoded.messageId,
    anonymousId: decoded.anonymousId,
    userId: decoded.userId,
    sessionId: null,
    enrichment,
    message,
  };
}

/** The dead letter of a message that decoded well but cannot be landed. */
export function deadLetterOf(
  message: Pick<DecodedMessage, 'projectId' | 'messageId' | 'offset' | 'recordIndex' | 'receivedAtMs'>,
  record: LogRecord,
  code: DeadLetter['code'],
  reason: string,
): DeadLetter {
  return {
    projectId: message.projectId,
    source: 'pipeline',
    code,
    message: reason,
    field: null,
    messageId: message.messageId,
    offset: message.offset,
    recordIndex: message.recordIndex,
    receivedAtMs: message.receivedAtMs,
    headers: record.headers,
    bytes: messageBytes(record, message.recordIndex),
    accepted: 1,
  };
}
