import {
  checkPlan,
  decodeRecordMeta,
  deviceKeyOf,
  encodeRecordMeta,
  fault,
  validateMessage,
  type Fault,
  type MessagesMeta,
  type MessageType,
  type RecordMeta,
} from '@sluice/contracts';
import { partitionOf, type LogRecord, type NewRecord } from '@sluice/event-log';
import type { ProjectSettings } from '@sluice/service-kit';
import { decodeRecord } from '../decode/decode-record.js';
import { isObject, type JsonObject } from '../decode/json.js';

/** A row of `dead_letters`. */
export interface StoredLetter {
  deadLetterId: number;
  projectId: number | null;
  partition: number;
  recordIndex: number;
  receivedAtMs: number | null;
  headers: Record<string, string>;
  bytes: Buffer;
}

export type Replay = { ok: true; record: NewRecord } | { ok: false; fault: Fault };

/**
 * The record by which a letter gets its second chance, or the fault that it still has. It is a normal record: landing
 * stays the only writer, and the message's id keeps it from landing twice. A message without an id gets one from its
 * letter, the same at every replay.
 */
export function replayRecord(
  letter: StoredLetter,
  project: ProjectSettings | undefined,
  partitionCount: number,
): Replay {
  const decoded = decodeRecordMeta(letter.headers);
  const meta = decoded.ok ? decoded.meta : undefined;
  if (letter.recordIndex < 0) return replayWhole(letter, partitionCount);
  if (letter.projectId === null) return refuse(fault('undecodable_record', 'The letter names no project.'));

  const message = parse(letter.bytes);
  if (message === undefined) return refuse(fault('message_not_object'));
  const receivedAtMs = letter.receivedAtMs ?? Date.now();
  const type = meta?.kind === 'messages' ? meta.type : undefined;
  const still =
    validateMessage(message, {
      receivedAtMs,
      impliedType: type as MessageType | undefined,
      bytes: letter.bytes.length,
    }) ?? (project?.planMode === 'block' ? checkPlan(project.trackingPlan, message)[0] : undefined);
  if (still !== undefined) return refuse(still);

  const key = `${letter.projectId}:${deviceKeyOf(message)}`;
  const replayed: MessagesMeta = {
    kind: 'messages',
    shape: 'single',
    projectId: letter.projectId,
    receivedAtMs,
    count: 1,
    ...(meta?.ip === undefined ? {} : { ip: meta.ip }),
    ...(meta?.userAgent === undefined ? {} : { userAgent: meta.userAgent }),
    ...(type === undefined ? {} : { type }),
    generatedIds: { '0': generatedId(letter, meta) },
  };
  return {
    ok: true,
    record: {
      partition: partitionOf(key, partitionCount),
      key,
      headers: encodeRecordMeta(replayed),
      value: letter.bytes,
    },
  };
}

function replayWhole(letter: StoredLetter, partitionCount: number): Replay {
  const record: LogRecord = {
    offset: 0,
    key: String(letter.projectId ?? ''),
    headers: letter.headers,
    value: letter.bytes,
    appendedAtMs: 0,
  };
  const again = decodeRecord(record).deadLetters.find((found) => found.recordIndex < 0);
  if (again !== undefined) return refuse(fault('undecodable_record', again.message));
  // Its devices were why it was in that partition.
  return { ok: true, record: { ...record, partition: letter.partition % partitionCount } };
}

function refuse(found: Fault): Replay {
  return { ok: false, fault: found };
}

function parse(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function generatedId(letter: StoredLetter, meta: RecordMeta | undefined): string {
  const made = meta?.kind === 'messages' ? meta.generatedIds?.[String(letter.recordIndex)] : undefined;
  return made ?? `dead-letter-${letter.deadLetterId}`;
}
