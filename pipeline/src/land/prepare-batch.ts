import type { LogRecord } from '@sluice/event-log';
import type { ProjectSettings } from '@sluice/service-kit';
import {
  bytesOf,
  decodeRecord,
  type DeadLetter,
  type DecodedMessage,
  type RecordAccount,
} from '../decode/decode-record.js';
import { enrich, type EnrichedMessage, type EnrichmentTools } from '../enrich/enrich.js';

/** A message whose texts are ready to be written. */
export interface PreparedMessage extends EnrichedMessage {
  messageText: string;
  enrichmentText: string;
  headers: Readonly<Record<string, string>>;
}

/** A message whose id has been seen before. */
export type Duplicate = Pick<
  DecodedMessage,
  'projectId' | 'eventId' | 'messageId' | 'offset' | 'receivedAtMs'
>;

/** What a range of the log comes to, before the database has been asked anything. */
export interface PreparedBatch {
  /** In the order of the log; every id once. */
  messages: PreparedMessage[];
  /** Later sends of a message that the same range holds. */
  duplicates: Duplicate[];
  deadLetters: DeadLetter[];
  accounts: RecordAccount[];
}

export type SettingsOf = (projectId: number) => Promise<ProjectSettings>;

/** Decodes and enriches records. The only wait is for the settings of the projects in it. */
export async function prepareBatch(
  records: readonly LogRecord[],
  settingsOf: SettingsOf,
  tools: EnrichmentTools,
): Promise<PreparedBatch> {
  const batch: PreparedBatch = { messages: [], duplicates: [], deadLetters: [], accounts: [] };
  const seen = new Set<string>();
  const projects = new Map<number, ProjectSettings>();
  for (const record of records) {
    const decoded = decodeRecord(record);
    batch.deadLetters.push(...decoded.deadLetters);
    if (decoded.account === undefined) continue;
    batch.accounts.push(decoded.account);
    const { projectId } = decoded.account;
    let project = projects.get(projectId);
    if (project === undefined) {
      project = await settingsOf(projectId);
      projects.set(projectId, project);
    }
    for (const message of decoded.messages) {
      const key = `${projectId}:${message.eventId}`;
      if (seen.has(key)) {
        batch.duplicates.push(message);
        continue;
      }
      const prepared = prepare(message, project, tools, record.headers);
      if (prepared === undefined) {
        batch.deadLetters.push(
          deadLetterOf({ ...message, headers: record.headers }, 'too_deep', 'The message cannot be written.'),
        );
      } else {
        seen.add(key);
        batch.messages.push(prepared);
      }
    }
  }
  return batch;
}

/** Undefined when the message is nested beyond what can be written. */
function prepare(
  message: DecodedMessage,
  project: ProjectSettings,
  tools: EnrichmentTools,
  headers: Readonly<Record<string, string>>,
): PreparedMessage | undefined {
  try {
    const enriched = enrich(message, project, tools);
    return Object.assign(enriched, {
      messageText: JSON.stringify(enriched.message),
      enrichmentText: JSON.stringify(enriched.enrichment),
      headers,
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The dead letter of a message that decoded well but cannot be landed. */
export function deadLetterOf(
  message: DecodedMessage & { headers: Readonly<Record<string, string>> },
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
    headers: message.headers,
    bytes: bytesOf(message.message),
    accepted: 1,
  };
}
