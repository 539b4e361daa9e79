import { createBodyScanner } from '@sluice/body-scan';
import { SluiceError, type IngestAnswer, type MessageType, type Rejection } from '@sluice/contracts';
import type { NewRecord } from '@sluice/event-log';
import type { KeyStore, Tracer } from '@sluice/service-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isIP } from 'node:net';
import { authenticate } from '../auth/authenticate.js';
import { findCredentials, keysInBody } from '../auth/credentials.js';
import { parseBody } from '../body/parse-body.js';
import type { ReceivedBody } from '../body/read-body.js';
import type { Delivering } from '../delivery/deliver.js';
import type { RateLimits } from '../http/rate-limits.js';
import type { GatewayTelemetry } from '../telemetry.js';
import { buildRecords } from './build-records.js';
import { ALL_ACCEPTED, areAllAcceptable, judge, type Verdict, type Verdicts } from './judge.js';
import { parsedSubmission, scannedSubmission, type Submission } from './submission.js';
import { traceRequest, type RequestTrace } from './trace-request.js';

export interface IngestOptions {
  keys: KeyStore;
  delivering: Delivering;
  rateLimits: RateLimits;
  telemetry: GatewayTelemetry;
  partitionCount: number;
  /** Makes a span of each request that is traced. */
  tracer: Tracer | undefined;
}

/** What an address takes. */
export type IngestShape = { shape: 'batch'; type?: undefined } | { shape: 'single'; type: MessageType };

export type Ingest = (request: FastifyRequest, reply: FastifyReply, shape: IngestShape) => Promise<string>;

const MAX_USER_AGENT_LENGTH = 1_024;
/** Notes on messages that leave the plan, in one answer at most. */
const MAX_WARNINGS = 100;

interface IngestPlace {
  shape: 'single' | 'batch';
  type: MessageType | undefined;
  trace: RequestTrace;
}

/** All that is left of a request once it is judged. */
interface Prepared {
  projectId: number;
  records: NewRecord[];
  receivedAtMs: number;
  accepted: number;
  rejections: Rejection[];
  warnings: Rejection[];
  warned: number;
}

/**
 * A request's way: body → whose it is → a verdict for each message → the log → the answer, as JSON text. The answer is
 * given only once every accepted message is durable.
 *
 * Nearly every body is plain: a scan of its bytes is enough to accept all of it. Only what the scan leaves open is parsed.
 */
export function createIngest(options: IngestOptions): Ingest {
  const { keys, delivering, rateLimits, telemetry, partitionCount, tracer } = options;
  const scanner = createBodyScanner();

  return async function ingest(request, reply, shape) {
    const trace = traceRequest(tracer, request);
    try {
      const answer = await take(request, reply, shape, trace);
      trace.answered();
      return answer;
    } catch (error) {
      trace.refused(error);
      throw error;
    }
  };

  async function take(
    request: FastifyRequest,
    reply: FastifyReply,
    { shape, type }: IngestShape,
    trace: RequestTrace,
  ): Promise<string> {
    const startedMs = performance.now();
    const received = request.body as ReceivedBody | null | undefined;
    if (received === undefined || received === null)
      throw new SluiceError('invalid_json', { message: 'The request has no body.' });
    const prepared = await prepare(request, reply, received.bytes, { shape, type, trace });

    // Nothing of the parsed body is referred to from here on. The log takes a while; what outlives that while would have
    // to be moved by the garbage collector, which costs more than all of the judging.
    const { projectId, records, receivedAtMs, accepted, rejections, warnings, warned } = prepared;
    const { durability, watermark } = await delivering.deliver(records, { receivedAtMs, messages: accepted });

    trace.durable({
      ...{ projectId, accepted, durability },
      rejected: rejections.length,
      bytes: received.bytes.length,
    });

    // In the log they are a copy. A spooled append may have been given to the log as well, which still has to let go.
    if (durability === 'log') received.giveBack();
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
  }

  async function prepare(
    request: FastifyRequest,
    reply: FastifyReply,
    bytes: Buffer,
    { shape, type: impliedType, trace }: IngestPlace,
  ): Promise<Prepared> {
    const receivedAtMs = Date.now();
    const scanned = scanner.scan(bytes, shape, impliedType);
    const parsed = scanned === undefined ? parseBody(bytes) : undefined;
    const keysOfBody = scanned ?? keysInBody(parsed!.value);
    const credentials = findCredentials(request.headers.authorization, keysOfBody);
    const { owner, credential } = await authenticate(keys, credentials, request.headers.origin);
    await rateLimits.checkKey(request, reply, owner.keyId);
    if (isRetry(request.headers['x-retry-count'])) telemetry.clientRetried();

    let submission: Submission;
    let verdicts: Verdicts;
    if (
      scanned !== undefined &&
      credential.source !== 'message' &&
      areAllAcceptable(scanned, bytes, shape, owner.project, receivedAtMs)
    ) {
      submission = scannedSubmission(bytes, shape, scanned);
      verdicts = ALL_ACCEPTED;
    } else {
      const { value, hasUnicodeEscapes } = parsed ?? parseBody(bytes);
      const found = parsedSubmission(bytes, shape, value);
      submission = found;
      verdicts = judge(found, owner.project, {
        receivedAtMs,
        impliedType,
        hasUnicodeEscapes,
        messageKey: credential.source === 'message' ? credential.key : undefined,
      });
    }
    const origin = {
      projectId: owner.project.projectId,
      receivedAtMs,
      impliedType,
      ip: isIP(request.ip) === 0 ? undefined : request.ip,
      userAgent: request.headers['user-agent']?.slice(0, MAX_USER_AGENT_LENGTH),
      traceparent: trace.traceparent,
    };
    return {
      projectId: origin.projectId,
      records: buildRecords(submission, verdicts, origin, partitionCount),
      receivedAtMs,
      accepted: submission.count - verdicts.rejected.length,
      rejections: verdicts.rejected.map(toRejection),
      warnings: verdicts.warned.slice(0, MAX_WARNINGS).map(toRejection),
      warned: verdicts.warned.length,
    };
  }
}

function isRetry(header: string | string[] | undefined): boolean {
  return header !== undefined && Number(header) > 0;
}

function refuseSingle({ code, message, field }: Rejection): never {
  throw new SluiceError(code, { message, ...(field === null ? {} : { field }) });
}

function toRejection({ index, messageId, fault }: Verdict): Rejection {
  return { index, messageId, code: fault.code, field: fault.field ?? null, message: fault.message };
}
