import cors from '@fastify/cors';
import type { EventLog } from '@sluice/event-log';
import {
  createHttpApp,
  createKeyStore,
  listenApart,
  type HttpApp,
  type SecondListener,
  type Logger,
  type Tracer,
} from '@sluice/service-kit';
import type { ClickHouse, Postgres } from '@sluice/warehouse';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Registry } from 'prom-client';
import { BUDGET_HEADERS, sayBudgets } from './access/budget-headers.js';
import { guardRoutes } from './access/guard-routes.js';
import { limitRates } from './access/rate-limit.js';
import { createReadBudgets } from './access/read-budgets.js';
import { DEFAULT_CONFIG, type AnalyticsApiConfig, type ApiContext, type ApiScope } from './api-context.js';
import { startAuditor, type Auditor } from './audit/auditor.js';
import { createRowMemory } from './ask/remember-rows.js';
import { createRunningRequests } from './ask/running-requests.js';
import { createReadCompleteness } from './freshness/completeness.js';
import { createChangePostgres } from './query-port/change-postgres.js';
import { createRunClickHouse } from './query-port/clickhouse.js';
import { createStreamSlots } from './live/stream-slots.js';
import { compressAnswers } from './http-compression.js';
import { createQueryMetrics } from './query-port/measured.js';
import { createRunPostgres } from './query-port/postgres.js';
import { FRESHNESS_HEADERS } from './saved/answer-headers.js';
import { registerAdminActions } from './routes/admin-actions.js';
import { registerAnomalies } from './routes/anomalies.js';
import { registerAnnotations } from './routes/annotations.js';
import { registerAudit } from './routes/audit.js';
import { registerChurn } from './routes/churn.js';
import { registerCohorts } from './routes/cohorts.js';
import { registerDeadLetters } from './routes/dead-letters.js';
import { registerDiscovery } from './routes/discovery.js';
import { registerEvents } from './routes/events.js';
import { registerIntegrity } from './routes/integrity.js';
import { registerLive } from './routes/live.js';
import { registerNotificationChannels } from './routes/notification-channels.js';
import { registerPeople } from './routes/people.js';
import { registerQuery } from './routes/query.js';
import { registerReceipts } from './routes/receipts.js';
import { registerSaved } from './routes/saved.js';
import { registerSavedAnswers } from './routes/saved-answers.js';
import { registerStatus } from './routes/status.js';
import { registerUsers } from './routes/users.js';
import { registerWatches } from './routes/watches.js';
import { createApiTelemetry } from './telemetry.js';

export interface AnalyticsApiOptions {
  postgres: Postgres;
  clickhouse: ClickHouse;
  /** Only asked where it ends: it may be open for reading alone. */
  log: EventLog;
  logger: Logger;
  registry: Registry;
  config?: Partial<AnalyticsApiConfig>;
  /** Makes a span of each question that is traced. Default: there are none. */
  tracer?: Tracer | undefined;
  now?: () => number;
}

export interface AnalyticsApi {
  app: HttpApp;
  auditor: Pick<Auditor, 'runOnce'>;
  /** Where administrators come in; undefined where that is the app's own address. */
  adminListener: Pick<SecondListener, 'address'> | undefined;
  /** Ends live streams, lets running answers finish, then closes. The stores stay open. */
  stop(): Promise<void>;
}

/** What pages of other origins may read. */
const EXPOSED_HEADERS = [
  ...[
    'ratelimit-limit',
    'ratelimit-remaining',
    'ratelimit-reset',
    'retry-after',
    'etag',
    'content-disposition',
  ],
  ...BUDGET_HEADERS,
  ...Object.values(FRESHNESS_HEADERS),
];
const MAX_ROWS = 100_000;
const MAX_BODY_BYTES = 256 * 1024;

/** The analytics API as an app that does not listen yet. */
export async function createAnalyticsApi(options: AnalyticsApiOptions): Promise<AnalyticsApi> {
  const { postgres, clickhouse, log, logger, registry, now = Date.now } = options;
  const config = { ...DEFAULT_CONFIG, ...options.config };
  const stopping = new AbortController();
  const measured = createQueryMetrics(registry);
  const telemetry = createApiTelemetry(logger, registry, options.tracer);
  const limits = { timeoutMs: config.queryTimeoutMs, maxRows: MAX_ROWS };
  const runPostgres = measured('postgres', createRunPostgres(postgres.pool, limits));
  const change = createChangePostgres(postgres.pool, limits);
  const context: ApiContext = {
    runPostgres,
    changePostgres: (question, noted) =>
      measured<readonly unknown[]>('postgres', (asked) => change(asked, noted))(question),
    runClickHouse: measured(
      'clickhouse',
      createRunClickHouse(clickhouse, { ...limits, maxMemoryBytes: config.queryMemoryBytes }),
    ),
    readCompleteness: createReadCompleteness(runPostgres, log),
    rowMemory: createRowMemory({ maxBytes: config.rowMemoryBytes }),
    running: createRunningRequests(),
    budgets: createReadBudgets({ rowsPerHour: config.rowsPerHour, now }),
    streams: createStreamSlots(config.maxLiveStreams, stopping.signal),
    database: (generation) => clickhouse.database(generation),
    log,
    logger,
    telemetry,
    config,
    stopping: stopping.signal,
    now,
  };

  const app = await createHttpApp({
    log: logger,
    registry,
    title: 'Sluice analytics API',
    description:
      'Answers questions about events. Every answer says through which instant it is complete. Requests carry a read or admin key as `Authorization: Bearer KEY`, or as the user name of Basic.',
    version: '1',
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: config.trustProxy,
    metricsToken: config.metricsToken,
  });
  app.readiness.add('postgres', () => postgres.pool.query('select 1'));
  app.readiness.add('clickhouse', async () => {
    const pong = await clickhouse.client.ping();
    if (!pong.success) throw pong.error;
  });
  app.readiness.add('event log', () => log.ping());

  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    // What looks after the service is no question to it.
    if (url === undefined || url.startsWith('/v1/')) telemetry.requestAnswered(url, reply.statusCode);
    done();
  });
  // Keys open the API, not cookies, so that every site may ask unless told otherwise; a key can be bound to its own origins.
  await app.register(cors, {
    origin: config.origins.length === 0 ? true : [...config.origins],
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'if-none-match', 'last-event-id', 'traceparent'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400,
  });
  await compressAnswers(app);
  const keys = createKeyStore({ pool: postgres.pool });
  const apart = config.admin === undefined ? undefined : listenApart(app, config.admin);
  await app.register(async (instance) => {
    const scope: ApiScope = instance.withTypeProvider<ZodTypeProvider>();
    guardRoutes(scope, {
      keys,
      cameApart: apart === undefined ? undefined : (request) => apart.took(request),
    });
    sayBudgets(scope, context.budgets);
    await limitRates(scope, config.requestsPerMinute);
    registerQuery(scope, context);
    registerPeople(scope, context);
    registerCohorts(scope, context);
    registerSaved(scope, context);
    registerSavedAnswers(scope, context);
    registerEvents(scope, context);
    registerDiscovery(scope, context);
    registerAnnotations(scope, context);
    registerWatches(scope, context);
    registerAnomalies(scope, context);
    registerNotificationChannels(scope, context);
    registerUsers(scope, context);
    registerChurn(scope, context);
    registerReceipts(scope, context);
    registerAudit(scope, context);
    registerIntegrity(scope, context);
    registerLive(scope, context);
    registerDeadLetters(scope, context);
    registerStatus(scope, context);
    registerAdminActions(scope, context);
  });
  const auditor = startAuditor(context, telemetry);

  return {
    app,
    auditor,
    adminListener: apart,
    async stop() {
      stopping.abort();
      await auditor.stop();
      await app.close();
    },
  };
}
