import {
  encodeRecordMeta,
  MESSAGE_LIMITS,
  toStorableText,
  type ByteRange,
  type MessageType,
  type MessagesMeta,
} from '@sluice/contracts';
import { partitionOf, type NewRecord } from '@sluice/event-log';
import { createUuidV7 } from '../uuid-v7.js';
import type { Verdict, Verdicts } from './judge.js';
import type { Submission } from './submission.js';

/** Whose messages they are and how they came. */
export interface Origin {
  projectId: number;
  receivedAtMs: number;
  /** The type that the address named. */
  impliedType: MessageType | undefined;
  ip: string | undefined;
  userAgent: string | undefined;
  /** Of the request's span, or of the client's, when the trace is recorded. */
  traceparent: string | undefined;
}

/**
 * The log records of a request: the accepted messages of each partition in one record, in the client's own bytes, and each
 * rejected message in one of its own. When all messages go to one partition the record is the body as it came.
 */
export function buildRecords(
  submission: Submission,
  verdicts: Verdicts,
  origin: Origin,
  partitionCount: number,
): NewRecord[] {
  const records = acceptedRecords(submission, verdicts, origin, partitionCount);
  for (const verdict of verdicts.rejected) {
    records.push(rejectedRecord(submission, verdict, origin, partitionCount));
  }
  return records;
}

interface Group {
  partition: number;
  key: string;
  indexes: number[];
}

function acceptedRecords(
  submission: Submission,
  { rejected }: Verdicts,
  origin: Origin,
  partitionCount: number,
): NewRecord[] {
  const { shape } = submission;
  const groups = groupByPartition(submission, rejected, origin.projectId, partitionCount);
  const first = groups[0];
  if (first === undefined) return [];
  if (groups.length > 1) return groups.map((group) => sliceRecord(submission, group, origin));

  const meta: MessagesMeta = { ...metaOf(origin), shape, count: first.indexes.length };
  if (shape === 'single' && !submission.hasType(0)) meta.type = origin.impliedType;
  if (rejected.length > 0) meta.skip = rejected.map(({ index }) => index);
  const generatedIds = generateIds(submission, first.indexes, origin.receivedAtMs, (index) => index);
  if (generatedIds !== undefined) meta.generatedIds = generatedIds;
  return [
    {
      partition: first.partition,
      key: first.key,
      headers: encodeRecordMeta(meta, origin.traceparent),
      value: submission.bytes,
    },
  ];
}

function groupByPartition(
  submission: Submission,
  rejected: readonly Verdict[],
  projectId: number,
  partitionCount: number,
): Group[] {
  const groups: Group[] = [];
  let skipAt = 0;
  let lastDevice: string | undefined;
  let group: Group | undefined;
  for (let index = 0; index < submission.count; index++) {
    if (rejected[skipAt]?.index === index) {
      skipAt++;
      continue;
    }
    const device = submission.device(index);
    if (device !== lastDevice || group === undefined) {
      lastDevice = device;
      const key = `${projectId}:${device}`;
      const partition = partitionOf(key, partitionCount);
      group = groups.find((known) => known.partition === partition);
      if (group === undefined) {
        group = { partition, key, indexes: [] };
        groups.push(group);
      }
    }
    group.indexes.push(index);
  }
  return groups;
}

function metaOf({ projectId, receivedAtMs, ip, userAgent }: Origin) {
  return {
    kind: 'messages' as const,
    projectId,
    receivedAtMs,
    ...(ip === undefined ? {} : { ip }),
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}

/** Ids for the messages that have none; undefined when all have one. */
function generateIds(
  submission: Submission,
  indexes: readonly number[],
  receivedAtMs: number,
  place: (index: number, position: number) => number,
): Record<string, string> | undefined {
  let ids: Record<string, string> | undefined;
  for (let position = 0; position < indexes.length; position++) {
    const index = indexes[position]!;
    if (submission.hasMessageId(index)) continue;
    ids ??= {};
    ids[String(place(index, position))] = createUuidV7(receivedAtMs);
  }
  return ids;
}

const SHARED_MEMBERS = ['sentAt', 'context', 'integrations'] as const;
const COMMA = Buffer.from(',');
const END = Buffer.from(']}');

/** A batch body of one partition's messages, put together from slices of the client's bytes. */
function sliceRecord(submission: Submission, group: Group, origin: Origin): NewRecord {
  const { bytes } = submission;
  const parts: Buffer[] = [prefixOf(submission)];
  group.indexes.forEach((index, position) => {
    if (position > 0) parts.push(COMMA);
    parts.push(sliceOf(bytes, submission.range(index)));
  });
  parts.push(END);
  const meta: MessagesMeta = { ...metaOf(origin), shape: 'batch', count: group.indexes.length };
  const generatedIds = generateIds(
    submission,
    group.indexes,
    origin.receivedAtMs,
    (_index, position) => position,
  );
  if (generatedIds !== undefined) meta.generatedIds = generatedIds;
  return {
    partition: group.partition,
    key: group.key,
    headers: encodeRecordMeta(meta, origin.traceparent),
    value: Buffer.concat(parts),
  };
}

/** `{"sentAt":…,"context":…,"integrations":…,"batch":[` with what the body has of these. */
function prefixOf(submission: Submission): Buffer {
  let prefix = '{';
  for (const name of SHARED_MEMBERS) {
    const range = submission.shared(name);
    if (range !== undefined) prefix += `"${name}":${sliceOf(submission.bytes, range).toString('utf8')},`;
  }
  return Buffer.from(`${prefix}"batch":[`);
}

function sliceOf(bytes: Buffer, { start, end }: ByteRange): Buffer {
  return bytes.subarray(start, end);
}

function rejectedRecord(
  submission: Submission,
  { index, fault, messageId }: Verdict,
  origin: Origin,
  partitionCount: number,
): NewRecord {
  const key = `${origin.projectId}:${usableDevice(submission.device(index))}`;
  return {
    partition: partitionOf(key, partitionCount),
    key,
    headers: encodeRecordMeta(
      {
        ...metaOf(origin),
        kind: 'rejected',
        code: fault.code,
        message: fault.message,
        ...(fault.field === undefined ? {} : { field: fault.field }),
        ...(messageId === null ? {} : { messageId }),
        index,
      },
      origin.traceparent,
    ),
    value: sliceOf(submission.bytes, submission.range(index)),
  };
}

/** The device of a message that was rejected: any text may be there. */
function usableDevice(device: string): string {
  return device.length <= MESSAGE_LIMITS.idLength ? toStorableText(device) : '';
}
