import { z } from 'zod';
import { TRACE_HEADER } from './trace-context.js';

/**
 * What one record of the event log means. A record holds the messages of one request that go to one partition, in the
 * client's own bytes: the body of a request as it came (inflated), or a batch body put together from slices of it. The
 * gateway's findings travel beside the bytes, as headers, so that nothing has to be serialised again.
 */
export type RecordMeta = MessagesMeta | RejectedMeta;

interface CommonMeta {
  /** Numeric id of the project the write key belongs to. */
  projectId: number;
  /** When the gateway received the request, milliseconds since the epoch. */
  receivedAtMs: number;
  /** The client's address, whole; landing uses it for geography and then applies the project's IP policy. */
  ip?: string | undefined;
  userAgent?: string | undefined;
}

/** A record whose value is JSON: one message (`single`) or a batch body `{ batch, sentAt?, context?, integrations? }`. */
export interface MessagesMeta extends CommonMeta {
  kind: 'messages';
  shape: 'single' | 'batch';
  /** How many messages of the value were accepted: the number the ledger must account for. */
  count: number;
  /** For `single`: the type that the address named, used when the message has none. */
  type?: string | undefined;
  /** Indexes in `batch` that were not accepted, or belong to another record; ascending. */
  skip?: number[] | undefined;
  /** Ids the gateway made for messages that had no messageId, by index in `batch` (0 for `single`). */
  generatedIds?: Record<string, string> | undefined;
}

/** A record whose value is the bytes of one message that the gateway did not accept. */
export interface RejectedMeta extends CommonMeta {
  kind: 'rejected';
  code: string;
  message: string;
  /** JSON pointer into the message. */
  field?: string | undefined;
  messageId?: string | undefined;
  /** Position in the request's batch. */
  index: number;
}

const common = {
  projectId: z.int().positive(),
  receivedAtMs: z.int().nonnegative(),
  ip: z.string().optional(),
  userAgent: z.string().optional(),
};

export const recordMetaSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('messages'),
    ...common,
    shape: z.enum(['single', 'batch']),
    count: z.int().nonnegative(),
    type: z.string().optional(),
    skip: z.array(z.int().nonnegative()).optional(),
    generatedIds: z.record(z.string(), z.string()).optional(),
  }),
  z.object({
    kind: z.literal('rejected'),
    ...common,
    code: z.string(),
    message: z.string(),
    field: z.string().optional(),
    messageId: z.string().optional(),
    index: z.int().nonnegative(),
  }),
]);

/** The one header that carries a record's meta, as JSON. The number is the version of its form. */
export const META_HEADER = 'sluice-1';

/** `traceparent`: of the request, when it is traced. It has a header of its own, as tools for Kafka expect. */
export function encodeRecordMeta(meta: RecordMeta, traceparent?: string): Record<string, string> {
  const headers: Record<string, string> = { [META_HEADER]: JSON.stringify(meta) };
  if (traceparent !== undefined) headers[TRACE_HEADER] = traceparent;
  return headers;
}

export type DecodedMeta = { ok: true; meta: RecordMeta } | { ok: false; reason: string };

/** Reads a record's meta. Never throws: a record that is not ours is a value, to become a dead letter. */
export function decodeRecordMeta(headers: Readonly<Record<string, string>>): DecodedMeta {
  const text = headers[META_HEADER];
  if (text === undefined) return { ok: false, reason: `header ${META_HEADER} is missing` };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ok: false, reason: `header ${META_HEADER} is not JSON` };
  }
  const result = recordMetaSchema.safeParse(parsed);
  if (!result.success) return { ok: false, reason: z.prettifyError(result.error) };
  return { ok: true, meta: result.data };
}
