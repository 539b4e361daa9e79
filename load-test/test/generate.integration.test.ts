import { createAnalyticsApi } from '@sluice/analytics-api';
import { openEventLog } from '@sluice/event-log';
import { createGateway } from '@sluice/gateway';
import { createPipeline } from '@sluice/pipeline';
import { createKey, createLogger, createMetricsRegistry, ensureProject } from '@sluice/service-kit';
import { createTestDatabase, openTestClickHouse } from '@sluice/warehouse/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createApiClient, type ApiClient } from '../src/client/api-client.js';
import { createGatewayClient, type GatewayClient } from '../src/client/gateway-client.js';
import type { TrafficMessage } from '../src/generate/message.js';
import { sendTraffic } from '../src/generate/send-traffic.js';
import { generateTraffic } from '../src/generate/traffic.js';
import { createMessageTemplates } from '../src/shapes/message-templates.js';
import { createNumberedLoad } from '../src/shapes/numbered-load.js';
import { steady } from '../src/shapes/schedule.js';
import { runLoad } from '../src/shapes/steady-load.js';
import { checkDelivery } from '../src/verify/check-delivery.js';
import { checkMessages } from '../src/verify/check-messages.js';
import { createRunIds } from '../src/verify/run-ids.js';

const DAY_MS = 86_400_000;

describe('mock traffic into a whole Sluice', () => {
  const ends: (() => Promise<unknown>)[] = [];
  let client: GatewayClient;
  let api: ApiClient;

  beforeAll(async () => {
    const postgres = await createTestDatabase(inject('postgresUrl'));
    ends.push(() => postgres.drop());
    const clickhouse = await openTestClickHouse(postgres.pool);
    ends.push(() => clickhouse.drop());
    const dir = await mkdtemp(join(tmpdir(), 'sluice-traffic-'));
    ends.push(() => rm(dir, { recursive: true, force: true }));
    const log = await openEventLog(`embedded:${join(dir, 'log')}`);
    ends.push(() => log.close());
    const stores = { postgres, clickhouse, log, logger: createLogger('test', 'warn') };

    const pipeline = await createPipeline({
      ...stores,
      registry: createMetricsRegistry('pipeline'),
      config: {},
    });
    ends.push(() => pipeline.stop());
    const gateway = await createGateway({
      ...stores,
      registry: createMetricsRegistry('gateway'),
      config: { spoolDir: join(dir, 'spool') },
    });
    ends.push(() => gateway.stop());
    const analytics = await createAnalyticsApi({
      ...stores,
      registry: createMetricsRegistry('analytics-api'),
    });
    ends.push(() => analytics.stop());

    const projectId = await ensureProject(postgres.pool, 'shop');
    const { key: writeKey } = await createKey(postgres.pool, { projectId, kind: 'write' });
    const { key: readKey } = await createKey(postgres.pool, { projectId, kind: 'read' });
    client = createGatewayClient({
      url: await gateway.app.listen({ host: '127.0.0.1', port: 0 }),
      writeKey,
    });
    ends.push(() => client.close());
    api = createApiClient({ url: await analytics.app.listen({ host: '127.0.0.1', port: 0 }), readKey });
    ends.push(() => api.close());
  });

  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  it('finds each of 50 generated events stored once and counted once', async () => {
    const endMs = Date.now();
    const made: TrafficMessage[] = [
      ...generateTraffic({ seed: 7, events: 50, startMs: endMs - 7 * DAY_MS, endMs }),
    ];
    const report = await sendTraffic({
      client,
      messages: made.values(),
      events: 50,
      eventsPerSecond: 500,
      batchSize: 5,
      live: false,
    });
    expect(report).toMatchObject({ sent: 50, accepted: 50, rejected: 0, failed: 0, successRate: 1 });
    expect(report.latencyMs.p50).toBeGreaterThan(0);

    const check = await checkMessages({
      api,
      accepted: new Set(made.map((message) => message.messageId)),
      watermark: '',
      timeoutMs: 30_000,
    });
    expect(check).toMatchObject({
      distinct: 50,
      landed: 50,
      rolledUp: 50,
      lost: 0,
      duplicated: 0,
      exact: true,
    });
    const logins = made.filter((message) => message.event === 'Login').length;
    expect(await api.count({ event: 'Login' })).toBe(logins);
  });

  it('finds numbered load exact although requests were sent twice, and notices when something is missing', async () => {
    const ids = createRunIds();
    const event = `delivery_check_${ids.run}`;
    const fromMs = Date.now();
    const load = createNumberedLoad({
      client,
      ids,
      templates: createMessageTemplates({ seed: 1, users: 20, count: 100, event }),
      giveUpAfterMs: 10_000,
      duplicateShare: 0.5,
    });
    await runLoad({
      load,
      schedule: steady({ eventsPerSecond: 500, durationMs: 1_000 }),
      batchSize: 10,
      maxInFlight: 8,
    });
    const question = { api, ids, event, fromMs, watermark: load.watermark() };
    const report = await checkDelivery({ ...question, accepted: load.accepted, timeoutMs: 30_000 });
    expect(load.totals.forcedDuplicates).toBe(25);
    expect(report).toMatchObject({ accepted: 500, landed: 500, rolledUp: 500, exact: true });

    load.accepted.add(777);
    const missing = await checkDelivery({ ...question, accepted: load.accepted, timeoutMs: 500 });
    expect(missing).toMatchObject({ accepted: 501, landed: 500, lost: 1, lostNumbers: [777], exact: false });
  });
});
