import {
  anomalyDetailSchema,
  anomalyFilterSchema,
  anomalyPageSchema,
  anomalyQuerySchema,
  anomalySchema,
  feedbackInputSchema,
  problemSchema,
  simulateInputSchema,
  simulationSchema,
  SluiceError,
  snoozeInputSchema,
  type Anomaly,
} from '@sluice/contracts';
import { BUCKET_MS } from '@sluice/models/anomaly';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { anomalyOf, pointOf } from '../anomalies/anomaly-answers.js';
import { readAnomalyCursor, selectionOf, writeAnomalyCursor } from '../anomalies/anomaly-selection.js';
import { simulate } from '../anomalies/simulate.js';
import { encodeAnomalies, tailAnomalies } from '../anomalies/tail-anomalies.js';
import { notedBy } from '../access/noted-by.js';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { checkDepth } from '../ask/check-depth.js';
import { sendStream, streamSignal } from '../live/send-stream.js';
import {
  acknowledgeAnomaly,
  askAnomalies,
  askAnomaly,
  askAnomalyState,
  askPointsAround,
  noteFeedback,
  snoozeSeries,
  type AnomalyRow,
} from '../questions/anomalies.js';
import { sayVersion } from '../saved/answer-headers.js';
import { isKnownVersion } from '../saved/answer-version.js';

const path = z.strictObject({ id: z.string().regex(/^\d{1,15}$/, 'must be a number') });
const streamHeaders = z.looseObject({
  'last-event-id': z
    .string()
    .regex(/^\d{0,15}$/, 'must be the id of an event of this stream')
    .optional(),
});
const faults = { '4xx': problemSchema, '5xx': problemSchema };

const BUCKETS_BEFORE = 48;
const BUCKETS_AFTER = 24;
const MAX_POINTS = 500;
/** A snooze without end is a watch that is turned off. */
const MAX_SNOOZE_MS = 366 * 86_400_000;

/** `/v1/anomalies`: what was found out of the ordinary, and what people say of it. */
export function registerAnomalies(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres, config, logger } = context;

  app.get(
    '/v1/anomalies',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List anomalies, newest first',
        description:
          'With `Accept: text/event-stream` as `/v1/anomalies/stream`. With If-None-Match, a list that is still the same is not sent again.',
        querystring: anomalyQuerySchema,
        headers: streamHeaders,
        response: { 200: anomalyPageSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query;
      if (wantsStream(request)) return stream(request, reply, filter);
      const { projectId } = request.owner.project;
      // Read before the list: should more change in between, the tag is too old, and the next request answers anew.
      const tag = await tagOf(projectId, request.query);
      sayVersion(reply, tag);
      void reply.header('vary', [reply.getHeader('vary'), 'accept'].flat().join(', '));
      if (isKnownVersion(request.headers['if-none-match'], tag)) return sendNotModified(reply);
      const before = cursor === undefined ? undefined : readAnomalyCursor(cursor);
      const { rows } = await runPostgres(
        askAnomalies(selectionOf(projectId, filter), { before, limit: limit + 1 }),
      );
      const shown = rows.slice(0, limit);
      const last = rows.length > limit ? shown.at(-1) : undefined;
      return {
        anomalies: shown.map(anomalyOf),
        next_cursor:
          last === undefined
            ? null
            : writeAnomalyCursor({ openedAt: last.opened_at, anomalyId: last.anomaly_id }),
      };
    },
  );

  app.get(
    '/v1/anomalies/stream',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Follow anomalies as they change (server-sent events)',
        description:
          'Events named `anomaly` carry an anomaly as it is now: when it opens, and whenever it changes. Reconnecting with Last-Event-ID goes on where the stream ended; `Last-Event-ID: 0` begins with all there are.',
        querystring: anomalyFilterSchema,
        headers: streamHeaders,
        response: { 200: z.unknown().describe('text/event-stream'), ...faults },
      },
    },
    async (request, reply) => stream(request, reply, request.query),
  );

  async function stream(
    request: FastifyRequest,
    reply: FastifyReply,
    filter: z.output<typeof anomalyFilterSchema>,
  ): Promise<FastifyReply> {
    const { projectId } = request.owner.project;
    const lastEventId = request.headers['last-event-id'];
    const after =
      typeof lastEventId === 'string' && lastEventId !== ''
        ? Number(lastEventId)
        : (await runPostgres(askAnomalyState(projectId))).rows[0]!.last_change;
    context.streams.take(reply);
    const signal = streamSignal(reply, context);
    const items = tailAnomalies({
      selection: selectionOf(projectId, filter),
      after,
      pollMs: config.livePollMs,
      heartbeatMs: config.liveHeartbeatMs,
      runPostgres,
      signal,
    });
    return sendStream(reply, encodeAnomalies(items), { signal, logger });
  }

  async function tagOf(projectId: number, query: object): Promise<string> {
    const { rows } = await runPostgres(askAnomalyState(projectId));
    const hash = createHash('sha256').update(JSON.stringify([projectId, query, rows[0]]));
    return `W/"${hash.digest('base64url').slice(0, 27)}"`;
  }

  app.get(
    '/v1/anomalies/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show an anomaly with the points around it',
        params: path,
        response: { 200: anomalyDetailSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const row = await find(projectId, request.params.id);
      const lengthMs = BUCKET_MS[row.interval];
      const end = row.resolved_at ?? row.last_seen_at;
      const { rows } = await runPostgres(
        askPointsAround(projectId, row.anomaly_id, {
          from: new Date(row.since.getTime() - BUCKETS_BEFORE * lengthMs),
          to: new Date(end.getTime() + BUCKETS_AFTER * lengthMs),
          limit: MAX_POINTS,
        }),
      );
      return { ...anomalyOf(row), points: rows.map(pointOf) };
    },
  );

  app.post(
    '/v1/anomalies/simulate',
    {
      config: { scope: 'read' },
      preValidation: (request, _reply, done) => done(checkDepth(request.body)),
      schema: {
        summary: 'Say what a watch would have found in the last days',
        description:
          'The numbers of this project, judged by the monitor that the watcher uses, after as much history as it would have been given. Nothing is stored.',
        body: simulateInputSchema,
        response: { 200: simulationSchema, ...faults },
      },
    },
    async (request, reply) => simulate(request.body, askerOf(request, reply), context),
  );

  app.post(
    '/v1/anomalies/:id/acknowledge',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Say that somebody looks after an open anomaly',
        description: 'Once is as good as twice. One that is over or suppressed is not open: 409.',
        params: path,
        response: { 200: anomalySchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { id } = request.params;
      const { rows } = await changePostgres(
        acknowledgeAnomaly(projectId, Number(id)),
        notedBy(request, 'anomaly.acknowledge', id, askAnomaly(projectId, Number(id))),
      );
      const anomaly = anomalyOf(await find(projectId, id));
      if (rows.length === 0 && anomaly.state !== 'acknowledged') throw notOpen(anomaly);
      return anomaly;
    },
  );

  app.post(
    '/v1/anomalies/:id/snooze',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Notify nobody of the series of an anomaly for a time',
        description:
          'What opens meanwhile is suppressed, as is what is open now; what is still out of the ordinary when the time is over opens then.',
        params: path,
        body: snoozeInputSchema,
        response: { 200: anomalySchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { id } = request.params;
      const until = untilOf(request.body, context.now());
      const { rows } = await changePostgres(
        snoozeSeries(projectId, Number(id), until),
        notedBy(request, 'anomaly.snooze', id, askAnomaly(projectId, Number(id))),
      );
      const row = await find(projectId, id);
      if (rows.length === 0) throw new SluiceError('series_retired', { field: '/id' });
      return anomalyOf(row);
    },
  );

  app.post(
    '/v1/anomalies/:id/feedback',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Say whether an anomaly was one',
        description: 'The last word counts; the series learns it with its next bucket.',
        params: path,
        body: feedbackInputSchema,
        response: { 200: anomalySchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { id } = request.params;
      await changePostgres(
        noteFeedback(projectId, Number(id), request.body.feedback),
        notedBy(request, 'anomaly.feedback', id, askAnomaly(projectId, Number(id))),
      );
      return anomalyOf(await find(projectId, id));
    },
  );

  async function find(projectId: number, id: string): Promise<AnomalyRow> {
    const { rows } = await runPostgres(askAnomaly(projectId, Number(id)));
    if (rows[0] === undefined) throw new SluiceError('anomaly_not_found', { field: '/id' });
    return rows[0];
  }
}

function sendNotModified(reply: FastifyReply): FastifyReply {
  return reply.status(304).send();
}

/** What a browser's EventSource asks for. */
function wantsStream({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').split(',').some((type) => type.trim().startsWith('text/event-stream'));
}

function notOpen({ state }: Anomaly): SluiceError {
  return new SluiceError('anomaly_not_open', { message: `The anomaly is ${state}.`, field: '/id' });
}

function untilOf(body: z.output<typeof snoozeInputSchema>, nowMs: number): Date | null {
  if ('for_seconds' in body) return new Date(nowMs + body.for_seconds * 1_000);
  if (body.until === null) return null;
  const untilMs = Date.parse(body.until);
  if (untilMs > nowMs && untilMs <= nowMs + MAX_SNOOZE_MS) return new Date(untilMs);
  throw new SluiceError('invalid_request', {
    message: '`until` must lie ahead, and not more than a year.',
    field: '/until',
  });
}
