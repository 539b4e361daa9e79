import type { MessageType } from '@sluice/contracts';
import type { LogRecord } from '@sluice/event-log';
import type { ProjectSettings } from '@sluice/service-kit';
import {
  decodeRecord,
  messageBytes,
  type DeadLetter,
  type DecodedMessage,
  type RecordAccount,
} from '../decode/decode-record.js';
import { objectAt, type JsonObject } from '../decode/json.js';
import { enrich, type EnrichmentTools } from '../enrich/enrich.js';
import { createLineBuffer, type LineBuffer, type Span } from '../line-buffer.js';
import { encodeClickHouseRow } from '../roll-up/clickhouse-row.js';
import { encodeRawLine } from './raw-line.js';

/**
 * What landing needs of a message besides its lines. The message itself is gone by then: its lines for both databases are
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
  revenue: string | undefined;
  currency: string | undefined;
  /** Of an identify; undefined for others. */
  traits: JsonObject | undefined;
  offset: number;
  recordIndex: number;
  rawLine: Span;
  rollupLine: Span;
}

/** A message whose id has been seen before. */
export type Duplicate = Pick<
  DecodedMessage,
  'projectId' | 'eventId' | 'messageId' | 'offset' | 'receivedAtMs'
>;

/** What a range of the log comes to, before the database has been asked anything. */
export interface PreparedBatch {
  /** Taken from Postgres's sequence beforehand: it stands in every line. */
  batchId: number;
  /** In the order of the log; every id once. */
  messages: readonly PreparedMessage[];
  /** Lines of Postgres's `events`. */
  rawLines: LineBuffer;
  /** Lines of ClickHouse's `events`. */
  rollupLines: LineBuffer;
  /** Later sends of a message that the same range holds. */
  duplicates: readonly Duplicate[];
  deadLetters: readonly DeadLetter[];
  accounts: readonly RecordAccount[];
}

export type SettingsOf = (projectId: number) => Promise<ProjectSettings>;

/** Decodes and enriches records and writes their lines. The only wait is for the settings of the projects in it. */
export async function prepareBatch(
  batchId: number,
  records: readonly LogRecord[],
  settingsOf: SettingsOf,
  tools: EnrichmentTools,
): Promise<PreparedBatch> {
  const bytes = records.reduce((sum, record) => sum + record.value.byteLength, 0);
  const rawLines = createLineBuffer(bytes * 2);
  const rollupLines = createLineBuffer(bytes);
  const messages: PreparedMessage[] = [];
  const duplicates: Duplicate[] = [];
  const deadLetters: DeadLetter[] = [];
  const accounts: RecordAccount[] = [];
  const seen = new Set<string>();
  const projects = new Map<number, ProjectSettings>();
  for (const record of records) {
    const decoded = decodeRecord(record);
    deadLetters.push(...decoded.deadLetters);
    if (decoded.account === undefined) continue;
    accounts.push(decoded.account);
    const { projectId } = decoded.account;
    let project = projects.get(projectId);
    if (project === undefined) {
      project = await settingsOf(projectId);
      projects.set(projectId, project);
    }
    for (const message of decoded.messages) {
      const key = `${projectId}:${message.eventId}`;
      if (seen.has(key)) {
        duplicates.push(duplicateOf(message));
        continue;
      }
      const prepared = prepare({ batchId, rawLines, rollupLines }, message, project, tools);
      if (prepared === undefined) {
        deadLetters.push(deadLetterOf(message, record, 'too_deep', 'The message cannot be written as JSON.'));
      } else {
        seen.add(key);
        messages.push(prepared);
      }
    }
  }
  return { batchId, messages, rawLines, rollupLines, duplicates, deadLetters, accounts };
}

function duplicateOf(message: Duplicate): Duplicate {
  const { projectId, eventId, messageId, offset, receivedAtMs } = message;
  return { projectId, eventId, messageId, offset, receivedAtMs };
}

/** Undefined when the message is nested beyond what can be written. */
function prepare(
  { batchId, rawLines, rollupLines }: Pick<PreparedBatch, 'batchId' | 'rawLines' | 'rollupLines'>,
  decoded: DecodedMessage,
  project: ProjectSettings,
  tools: EnrichmentTools,
): PreparedMessage | undefined {
  try {
    const message = enrich(decoded, project, tools);
    const rawLine = encodeRawLine(batchId, message);
    const rollupLine = encodeClickHouseRow(batchId, { ...message, sessionId: null });
    return {
      projectId: message.projectId,
      eventId: message.eventId,
      messageId: message.messageId,
      type: message.type,
      event: message.event,
      anonymousId: message.anonymousId,
      userId: message.userId,
      previousId: message.previousId,
      deviceId: message.deviceId,
      receivedAtMs: message.receivedAtMs,
      timestampMs: message.timestampMs,
      campaign: message.campaign,
      namedSessionId: message.namedSessionId,
      revenue: message.enrichment.revenue,
      currency: message.enrichment.currency,
      traits: message.type === 'identify' ? objectAt(message.message, 'traits') : undefined,
      offset: message.offset,
      recordIndex: message.recordIndex,
      rawLine: { start: rawLines.append(rawLine), end: rawLines.length },
      rollupLine: { start: rollupLines.append(rollupLine), end: rollupLines.length },
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
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
