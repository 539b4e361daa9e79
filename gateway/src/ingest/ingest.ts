import {
  findElements,
  SluiceError,
  type BodyRanges,
  type IngestAnswer,
  type MessageType,
  type Rejection,
} from '@sluice/contracts';
import type { NewRecord } from '@sluice/event-log';
import type { KeyStore } from '@sluice/service-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isIP } from 'node:net';
import { authenticate } from '../auth/authenticate.js';
import { findCredentials } from '../auth/credentials.js';
import { parseBody } from '../body/parse-body.js';
import type { ReceivedBody } from '../body/read-body.js';
import type { Delivering } from '../delivery/deliver.js';
import type { RateLimits } from '../http/rate-limits.js';
import type { GatewayTelemetry } from '../telemetry.js';
import { buildRecords, usableMessageId } from './build-records.js';
import { judge, readSubmission, type Submission, type Verdict } from './judge.js';

export interface IngestOptions {
  keys: KeyStore;
  delivering: Delivering;
  rateLimits: RateLimits;
  telemetry: GatewayTelemetry;
  partitionCount: number;
}

/** What an address takes. */
export type IngestShape = { shape: 'batch'; type?: undefined } | { shape: 'single'; type: MessageType };

export type Ingest = (request: FastifyRequest, reply: FastifyReply, shape: IngestShape) => Promise<string>;

const MAX_USER_AGENT_LENGTH = 1_024;
/** Notes on messages that leave the plan, in one answer at most. */
const MAX_WARNINGS = 100;

/** All that is left of a request once it is judged. */
interface Prepared {
  records: NewRecord[];
  receivedAtMs: number;
  accepted: number;
  rejections: Rejection[];
  warnings: Rejection[];
  warned: number;
}

/**
 * A request's way: body → JSON → whose it is → a verdict for each message → the log → the answer, as JSON text. The answer
 * is given only once every accepted message is durable.
 */
export function createIngest(options: IngestOptions): Ingest {
  const { keys, delivering, rateLimits, telemetry, partitionCount } = options;

  return async function ingest(request, reply, { shape, type }) {
    const startedMs = performance.now();
    const received = request.body as ReceivedBody | null | undefined;
    if (received === undefined || received === null)
      throw new SluiceError('invalid_json', { message: 'The request has no body.' });
    const prepared = await prepare(request, reply, received.bytes, shape, type);

    // Nothing of the parsed body is referred to from here on. The log takes a while; what outlives that while would have
    // to be moved by the garbage collector, which costs more than all of the judging.
    const { records, receivedAtMs, accepted, rejections, warnings, warned } = prepared;
    const { durability, watermark } = await delivering.deliver(records, { receivedAtMs, messages: accepted });

    for (const record of records) telemetry.bytesLogged(record.value.byteLength);
    if (accepted > 0) telemetry.messagesAccepted(accepted, durability);
    if (warned > 0) telemetry.messagesWarned(warned);
    for (const { code } of rejections) telemetry.messageRejected(code);
    const [first] = rejections;
    if (shape === 'single' && first !== undefined) refuseSingle(first);
    telemetry.requestAccepted({
      endpoint: shape,
      wireBytes: received.wireBytes,
      inflatedBytes: received.bytes.length,
      ackMs: performance.now() - startedMs,
    });
    if (first === undefined && warned === 0) {
      // Written by hand: nothing in it needs an escape, and it is the answer of nearly every request.
      const mark = watermark === null ? 'null' : `"${watermark}"`;
      return `{"success":true,"accepted":${accepted},"rejected":[],"durability":"${durability}","watermark":${mark}}`;
    }
    const answer: IngestAnswer = {
      success: first === undefined,
      accepted,
      rejected: rejections,
      durability,
      watermark,
      ...(warned > 0 ? { warnings } : {}),
    };
    return JSON.stringify(answer);
  };

  async function prepare(
    request: FastifyRequest,
    reply: FastifyReply,
    bytes: Buffer,
    shape: 'single' | 'batch',
    impliedType: MessageType | undefined,
  ): Promise<Prepared> {
    const receivedAtMs = Date.now();
    const { value: body, hasUnicodeEscapes } = parseBody(bytes);
    const credentials = findCredentials(request.headers.authorization, body);
    const { owner, credential } = await authenticate(keys, credentials, request.headers.origin);
    await rateLimits.checkKey(request, reply, owner.keyId);
    if (isRetry(request.headers['x-retry-count'])) telemetry.clientRetried();

    const ranges = once(() => rangesOf(shape, bytes));
    const submission = readSubmission(shape, body, {
      bytes,
      receivedAtMs,
      impliedType,
      hasUnicodeEscapes,
      ranges,
    });
    const messageKey = credential.source === 'message' ? credential.key : undefined;
    const verdicts = judge(submission, owner.project, messageKey);
    const origin = {
      projectId: owner.project.projectId,
      receivedAtMs,
      ip: isIP(request.ip) === 0 ? undefined : request.ip,
      userAgent: request.headers['user-agent']?.slice(0, MAX_USER_AGENT_LENGTH),
    };
    return {
      records: buildRecords(submission, verdicts, origin, partitionCount),
      receivedAtMs,
      accepted: submission.messages.length - verdicts.rejected.length,
      rejections: verdicts.rejected.map((verdict) => toRejection(submission, verdict)),
      warnings: verdicts.warned.slice(0, MAX_WARNINGS).map((verdict) => toRejection(submission, verdict)),
      warned: verdicts.warned.length,
    };
  }
}

function isRetry(header: string | string[] | undefined): boolean {
  return header !== undefined && Number(header) > 0;
}

function rangesOf(shape: 'single' | 'batch', bytes: Buffer): BodyRanges {
  if (shape === 'batch') return findElements(bytes);
  return { members: new Map(), elements: [{ start: 0, end: bytes.length }] };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function refuseSingle({ code, message, field }: Rejection): never {
  throw new SluiceError(code, { message, ...(field === null ? {} : { field }) });
}

function toRejection({ messages }: Submission, { index, fault }: Verdict): Rejection {
  return {
    index,
    messageId: usableMessageId(messages[index]),
    code: fault.code,
    field: fault.field ?? null,
    message: fault.message,
  };
}
