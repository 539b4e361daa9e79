import { encodeRecordMeta } from '@sluice/contracts';
import { openEventLog, partitionOf, type EventLog, type NewRecord } from '@sluice/event-log';
import { createPipeline } from '@sluice/pipeline';
import { createLogger, ensureProject } from '@sluice/service-kit';
import {
  migrateClickHouse,
  migratePostgres,
  openClickHouse,
  openPostgres,
  type ClickHouse,
  type Postgres,
} from '@sluice/warehouse';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { Registry } from 'prom-client';
import { readCpuSeconds } from '../instance/process-watch.js';

export interface LandingBenchOptions {
  /** Messages to land. Default 400,000. */
  messages?: number;
  /** Messages of a request, all of one device. Default 50. */
  messagesPerRequest?: number;
  /** Devices that send. Default 2,000. */
  devices?: number;
  /** Partitions of the log. Default 2, as the embedded log has. */
  partitions?: number;
  /** How often landing and COPY take turns; the round with the median ratio counts. Default 3. */
  rounds?: number;
  /** Bytes of a batch at most. Default as the pipeline's. */
  maxBytes?: number;
}

export interface CpuShare {
  /** The pipeline and ClickHouse's engine; of a COPY, its client. */
  process: number;
  postgres: number;
}

/** Named as the seconds that batches spent in it, all partitions together. */
type Stages = Record<string, number>;

export interface LandingBenchResult {
  /** Landing and rolling up with everything of the protocol, to plain COPY of the same rows into the same table. */
  ratio: number;
  rowsPerSecond: number;
  copyRowsPerSecond: number;
  messages: number;
  bytesPerRow: number;
  /** CPU time, microseconds a row: says more than rates do on a machine that others use, too. Zero where it is unknown. */
  cpuMicrosPerRow: { landing: CpuShare; copy: CpuShare };
  stageSeconds: Stages;
}

/**
 * Measures the way from the event log to Postgres and ClickHouse on embedded engines: the log is filled first, then a
 * pipeline lands and rolls up all of it. After that the same rows are written to the same, emptied table with one COPY.
 */
export async function benchLanding(options: LandingBenchOptions = {}): Promise<LandingBenchResult> {
  const { messages = 400_000, rounds = 3 } = options;
  const results: LandingBenchResult[] = [];
  for (let round = 0; round < rounds; round++) results.push(await runRound({ ...options, messages }));
  results.sort((a, b) => a.ratio - b.ratio);
  return results[Math.floor(results.length / 2)]!;
}

async function runRound(options: LandingBenchOptions & { messages: number }): Promise<LandingBenchResult> {
  const { messages, partitions = 2, maxBytes } = options;
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-landing-'));
  const postgres = await openPostgres(`embedded:${join(dir, 'postgres')}`, { max: 2 * partitions + 4 });
  const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
  const log = await openEventLog(`embedded:${join(dir, 'log')}`, { partitions });
  try {
    await migratePostgres(postgres.pool);
    await migrateClickHouse(clickhouse, postgres.pool);
    const projectId = await ensureProject(postgres.pool, 'bench');
    await fillLog(log, projectId, options);

    const registry = new Registry();
    const landingCpu = await startCpuWatch();
    const startedMs = performance.now();
    const pipeline = await createPipeline({
      postgres,
      clickhouse,
      log,
      logger: createLogger('bench', 'error'),
      registry,
      config: { lingerMs: 50, ...(maxBytes === undefined ? {} : { maxBytes }) },
    });
    await rolledUp(postgres, messages);
    const landSeconds = (performance.now() - startedMs) / 1_000;
    const landing = await landingCpu(messages);
    await pipeline.stop();
    await assertSame(postgres, clickhouse, messages);

    const { seconds: copySeconds, bytes, cpu: copy } = await copySameRows(postgres, messages);
    const rowsPerSecond = messages / landSeconds;
    const copyRowsPerSecond = messages / copySeconds;
    return {
      ratio: round(rowsPerSecond / copyRowsPerSecond, 3),
      rowsPerSecond: Math.round(rowsPerSecond),
      copyRowsPerSecond: Math.round(copyRowsPerSecond),
      messages,
      bytesPerRow: Math.round(bytes / messages),
      cpuMicrosPerRow: { landing, copy },
      stageSeconds: await readStages(registry),
    };
  } finally {
    await log.close();
    await clickhouse.close();
    await postgres.close();
    await rm(dir, { recursive: true, force: true });
  }
}

export async function fillLog(
  log: EventLog,
  projectId: number,
  options: LandingBenchOptions & { messages: number },
) {
  const { messages, messagesPerRequest = 50, devices = 2_000 } = options;
  let made = 0;
  let records: NewRecord[] = [];
  for (let request = 0; made < messages; request++) {
    const device = `device-${request % devices}`;
    const size = Math.min(messagesPerRequest, messages - made);
    const receivedAtMs = Date.now();
    const batch = Array.from({ length: size }, () => messageOf(device, made++, receivedAtMs));
    const key = `${projectId}:${device}`;
    records.push({
      partition: partitionOf(key, log.partitionCount),
      key,
      headers: encodeRecordMeta({
        kind: 'messages',
        shape: 'batch',
        projectId,
        receivedAtMs,
        ip: '203.0.113.7',
        userAgent: USER_AGENT,
        count: size,
      }),
      value: Buffer.from(JSON.stringify({ batch, sentAt: new Date(receivedAtMs).toISOString() })),
    });
    if (records.length >= 200) {
      await log.append(records);
      records = [];
    }
  }
  if (records.length > 0) await log.append(records);
}

const USER_AGENT =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
const EVENTS = ['Product Viewed', 'Products Searched', 'Cart Viewed', 'Order Completed', 'Page Scrolled'];

/** A message as analytics.js sends it, about 900 bytes. */
function messageOf(device: string, n: number, nowMs: number): object {
  const event = EVENTS[n % EVENTS.length]!;
  return {
    timestamp: new Date(nowMs - (n % 1_000)).toISOString(),
    integrations: {},
    anonymousId: device,
    userId: n % 3 === 0 ? `user-${device}` : null,
    event,
    type: 'track',
    properties: {
      sku: `sku-${n % 500}`,
      price: (n % 90) + 0.99,
      revenue: (n % 90) + 0.99,
      currency: 'EUR',
      position: n % 20,
      query: `running shoes ${n % 50}`,
    },
    context: {
      page: {
        path: `/products/${n % 500}`,
        referrer: 'https://www.google.com/',
        search: '?utm_source=newsletter&utm_medium=email&utm_campaign=autumn',
        title: 'Running shoes',
        url: `https://shop.example/products/${n % 500}?utm_source=newsletter&utm_medium=email&utm_campaign=autumn`,
      },
      userAgent: USER_AGENT,
      locale: 'en-US',
      library: { name: 'analytics.js', version: 'npm:next-1.84.3' },
      timezone: 'Europe/Berlin',
    },
    messageId: `ajs-next-${nowMs}-${crypto.randomUUID()}`,
  };
}

export async function rolledUp(postgres: Postgres, messages: number): Promise<void> {
  for (;;) {
    const found = await postgres.pool.query<{ done: number }>(
      `select coalesce(sum(rows), 0)::int as done from batches where state = 'done'`,
    );
    if (found.rows[0]!.done >= messages) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A figure for work that was not done right would be worth nothing. */
async function assertSame(postgres: Postgres, clickhouse: ClickHouse, messages: number): Promise<void> {
  const raw = await postgres.pool.query<{ n: number }>('select count(*)::int as n from events');
  const result = await clickhouse.client.query({
    query: `select toUInt32(sum(events)) as n from ${clickhouse.database(1)}.counts_15m`,
    format: 'JSONEachRow',
  });
  const [counted] = await result.json<{ n: number }>();
  if (raw.rows[0]!.n !== messages || counted?.n !== messages) {
    throw new Error(`Landed ${raw.rows[0]!.n} and counted ${String(counted?.n)} of ${messages} messages.`);
  }
}

/** Writes the rows that are in the table to the table again, after emptying it: one COPY, one connection, fsync on. */
async function copySameRows(
  postgres: Postgres,
  messages: number,
): Promise<{ seconds: number; bytes: number; cpu: CpuShare }> {
  const client = await postgres.pool.connect();
  try {
    const chunks: Buffer[] = [];
    const out = client.query(copyTo('copy (select * from events order by batch_id, batch_seq) to stdout'));
    for await (const chunk of out as AsyncIterable<Buffer>) chunks.push(chunk);
    await client.query('truncate events');
    await client.query('checkpoint');
    const copyCpu = await startCpuWatch();
    const startedMs = performance.now();
    const into = client.query(copyFrom('copy events from stdin'));
    const finished = once(into, 'finish');
    for (const chunk of chunks) if (!into.write(chunk)) await once(into, 'drain');
    into.end();
    await finished;
    const seconds = (performance.now() - startedMs) / 1_000;
    const cpu = await copyCpu(messages);
    return { seconds, bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0), cpu };
  } finally {
    client.release();
  }
}

/** Postgres runs below this process, so that what is not this process's own is Postgres's. */
async function startCpuWatch(): Promise<(rows: number) => Promise<CpuShare>> {
  const readSeconds = async (): Promise<{ own: number; all: number }> => {
    const { user, system } = process.cpuUsage();
    const { all = 0 } = await readCpuSeconds({ all: process.pid });
    return { own: (user + system) / 1e6, all };
  };
  const before = await readSeconds();
  return async (rows) => {
    const after = await readSeconds();
    const own = after.own - before.own;
    const share = (seconds: number): number => round(Math.max(0, (seconds * 1e6) / rows), 1);
    return { process: share(own), postgres: share(after.all - before.all - own) };
  };
}

async function readStages(registry: Registry): Promise<Stages> {
  const metric = await registry.getSingleMetric('sluice_pipeline_stage_seconds')?.get();
  const stages: Stages = {};
  for (const { labels, value, metricName } of (metric?.values ?? []) as {
    labels: Record<string, string | number>;
    value: number;
    metricName?: string;
  }[]) {
    if (metricName?.endsWith('_sum') === true) stages[String(labels.stage)] = round(value, 2);
  }
  return stages;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
