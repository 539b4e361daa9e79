import { createAnalyticsApi } from '@sluice/analytics-api';
import { createPipeline } from '@sluice/pipeline';
import { createMetricsRegistry } from '@sluice/service-kit';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createGatewayClient } from '../src/client/gateway-client.js';
import { compareMetrics } from '../src/metrics/compare-metrics.js';
import { readExposition, type ServedMetric } from '../src/metrics/read-exposition.js';
import { readMetricsTable, type DocumentedMetric } from '../src/metrics/read-metrics-table.js';
import { serveLoadMetrics } from '../src/shapes/load-metrics.js';
import { createMessageTemplates } from '../src/shapes/message-templates.js';
import { createNumberedLoad } from '../src/shapes/numbered-load.js';
import { steady } from '../src/shapes/schedule.js';
import { runLoad } from '../src/shapes/steady-load.js';
import { createRunIds } from '../src/verify/run-ids.js';
import { startWholeSluice, type WholeSluice } from './whole-sluice.js';

const basic = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

describe('the metrics of every service', () => {
  let sluice: WholeSluice;
  let documented: DocumentedMetric[];
  let gateway: ServedMetric[];
  let worker: ServedMetric[];
  let text: string;

  async function scrape(url: string): Promise<string> {
    const answer = await fetch(`${url}/metrics`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    return answer.text();
  }

  async function send(body: unknown, key = sluice.writeKey): Promise<{ watermark: string | null }> {
    const answer = await fetch(`${sluice.gatewayUrl}/v1/batch`, {
      method: 'POST',
      headers: { authorization: basic(key), 'x-retry-count': '1' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { watermark: string | null };
  }

  async function ask(path: string, body: unknown, headers: Record<string, string> = {}): Promise<number> {
    const answer = await fetch(`${sluice.apiUrl}${path}`, {
      method: 'POST',
      headers: { authorization: basic(sluice.readKey), 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    await answer.text();
    return answer.status;
  }

  beforeAll(async () => {
    documented = readMetricsTable(await readFile(new URL('../../docs/METRICS.md', import.meta.url), 'utf8'));
    sluice = await startWholeSluice(inject('postgresUrl'));
    const event = { type: 'track', event: 'Seen', anonymousId: 'a', messageId: 'm1' };
    await send({ batch: [event, event, { type: 'no such type' }] });
    await send({ batch: [event] }, 'no such key');
    const { watermark } = await send({ batch: [{ ...event, messageId: 'm2' }] });
    const question = {
      kind: 'trends',
      series: [{ event: 'Seen', measure: 'count' }],
      wait_for: watermark,
    };
    expect(await ask('/v1/query', question)).toBe(200);
    expect(await ask('/v1/query', question)).toBe(200);
    expect(await ask('/v1/query', { ...question, cache: 'refresh' })).toBe(200);
    expect(await ask('/v1/query', { ...question, dry_run: true })).toBe(200);
    expect(await ask('/v1/query', { kind: 'no such kind' })).toBe(400);
    expect(await ask('/v1/nothing', {})).toBe(404);
    await sluice.pipeline.drained();
    await sluice.api.auditor.runOnce();
    text = await scrape(sluice.apiUrl);
    worker = readExposition(text);
    gateway = readExposition(await scrape(sluice.gatewayUrl));
  });

  afterAll(() => (sluice as WholeSluice | undefined)?.close());

  it('are what the table says, of the gateway', () => {
    expect(compareMetrics(documented, gateway, ['gateway'])).toEqual([]);
  });

  it('are what the table says, of pipeline and API in one process', () => {
    expect(compareMetrics(documented, worker, ['pipeline', 'analytics-api'])).toEqual([]);
  });

  it('are what the table says, of pipeline and API each by itself', async () => {
    const registries = {
      pipeline: createMetricsRegistry('pipeline'),
      api: createMetricsRegistry('analytics-api'),
    };
    const pipeline = await createPipeline({
      ...sluice.stores,
      registry: registries.pipeline,
      config: { watch: { notify: { timeoutMs: 1_000, refusePrivate: false } } },
    });
    const api = await createAnalyticsApi({ ...sluice.stores, registry: registries.api });
    const [ofPipeline, ofApi] = [
      readExposition(await registries.pipeline.metrics()),
      readExposition(await registries.api.metrics()),
    ];
    await api.stop();
    await pipeline.stop();
    expect(compareMetrics(documented, ofPipeline, ['pipeline'])).toEqual([]);
    expect(compareMetrics(documented, ofApi, ['analytics-api'])).toEqual([]);
  });

  it('are what the table says, of load', async () => {
    const client = createGatewayClient({ url: sluice.gatewayUrl, writeKey: sluice.writeKey });
    const load = createNumberedLoad({
      client,
      ids: createRunIds(),
      templates: createMessageTemplates({ seed: 1, users: 10 }),
      giveUpAfterMs: 0,
    });
    const metrics = await serveLoadMetrics(0, () => load.totals);
    await runLoad({
      ...{ load, metrics, batchSize: 10, maxInFlight: 4 },
      schedule: steady({ eventsPerSecond: 1_000, durationMs: 100 }),
    });
    const served = await scrape(`http://127.0.0.1:${metrics.port}`);
    await metrics.close();
    await client.close();
    expect(compareMetrics(documented, readExposition(served), ['load'])).toEqual([]);
    expect(served).toMatch(/^sluice_load_accepted_total 100$/m);
    expect(served).toMatch(/^sluice_load_request_seconds_count 10$/m);
  });

  it('show what was sent, landed and asked', () => {
    for (const line of [
      'sluice_pipeline_landed_total 2',
      'sluice_pipeline_duplicates_total 1',
      'sluice_pipeline_dead_letters_total{code="unknown_type"} 1',
      'sluice_event_log_lag_records{partition="0"} 0',
      'sluice_event_log_oldest_unread_seconds{partition="0"} 0',
      'sluice_pipeline_rebalances_total 1',
      'sluice_api_queries_total{kind="trends",outcome="ok"} 3',
      'sluice_api_queries_total{kind="estimate",outcome="ok"} 1',
      'sluice_api_requests_total{route="/v1/query",status="200"} 4',
      'sluice_api_requests_total{route="none",status="404"} 1',
      'sluice_api_cache_requests_total{result="hit"} 1',
      'sluice_api_cache_requests_total{result="refresh"} 1',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
  });
});
