import { openEventLog } from '@sluice/event-log';
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
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { fillLog, rolledUp } from './landing.js';

export interface StorageBenchOptions {
  /** Default 400,000. */
  messages?: number | undefined;
  onProgress?: (text: string) => void;
}

export interface StorageBenchResult {
  messages: number;
  bytesPerEvent: {
    /** The client's own bytes in the log's records. */
    message: number;
    /** The embedded log on disk, before anything is released from it. */
    log: number;
    /** Postgres: `events` with its indexes. */
    postgresEvents: number;
    postgresIndexes: number;
    /** Postgres: everything else, such as people, sessions and the ledger. */
    postgresOther: number;
    /** Write-ahead log that Postgres wrote for it. */
    postgresWal: number;
    /** ClickHouse: `events`, merged. */
    clickhouseEvents: number;
    /** ClickHouse: rollups, merged. */
    clickhouseRollups: number;
  };
  /** Bytes of each table of ClickHouse, merged. */
  clickhouseTables: Record<string, number>;
}

/** Measures what an event takes in each store: lands messages on embedded engines, lets them settle, and looks at the disk. */
export async function benchStorage(options: StorageBenchOptions = {}): Promise<StorageBenchResult> {
  const { messages = 400_000, onProgress = () => undefined } = options;
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-storage-'));
  const postgres = await openPostgres(`embedded:${join(dir, 'postgres')}`, { max: 8 });
  const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
  const log = await openEventLog(`embedded:${join(dir, 'log')}`, { partitions: 2 });
  try {
    await migratePostgres(postgres.pool);
    await migrateClickHouse(clickhouse, postgres.pool);
    const projectId = await ensureProject(postgres.pool, 'bench');
    onProgress('filling the log');
    await fillLog(log, projectId, { messages });
    const logBytes = await folderBytes(join(dir, 'log'));
    const before = await walPosition(postgres);
    onProgress('landing');
    const pipeline = await createPipeline({
      postgres,
      clickhouse,
      log,
      logger: createLogger('bench', 'error'),
      registry: new Registry(),
      config: { lingerMs: 50 },
    });
    await rolledUp(postgres, messages);
    await pipeline.stop();
    const wal = (await walPosition(postgres)) - before;
    onProgress('letting it settle');
    const inPostgres = await postgresBytes(postgres);
    const tables = await clickhouseBytes(clickhouse);
    const each = (bytes: number): number => Math.round(bytes / messages);
    const { events = 0, ...rollups } = tables;
    return {
      messages,
      bytesPerEvent: {
        message: each(inPostgres.message),
        log: each(logBytes),
        postgresEvents: each(inPostgres.events),
        postgresIndexes: each(inPostgres.indexes),
        postgresOther: each(inPostgres.other),
        postgresWal: each(wal),
        clickhouseEvents: each(events),
        clickhouseRollups: each(Object.values(rollups).reduce((sum, bytes) => sum + bytes, 0)),
      },
      clickhouseTables: tables,
    };
  } finally {
    await log.close();
    await clickhouse.close();
    await postgres.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function walPosition(postgres: Postgres): Promise<number> {
  const { rows } = await postgres.pool.query<{ bytes: string }>(
    `select (pg_current_wal_lsn() - '0/0')::text as bytes`,
  );
  return Number(rows[0]!.bytes);
}

async function postgresBytes(
  postgres: Postgres,
): Promise<{ message: number; events: number; indexes: number; other: number }> {
  await postgres.pool.query('vacuum analyze');
  const { rows } = await postgres.pool.query<{
    events: string;
    indexes: string;
    all: string;
    message: string;
  }>(
    `with parts as (select relid from pg_partition_tree('events') where isleaf)
     select (select sum(pg_total_relation_size(relid)) from parts)::text as events,
       (select sum(pg_indexes_size(relid)) from parts)::text as indexes,
       (select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r')::text as all,
       (select sum(octet_length(message::text)) from events)::text as message`,
  );
  const { events, indexes, all, message } = rows[0]!;
  return {
    message: Number(message),
    events: Number(events),
    indexes: Number(indexes),
    other: Number(all) - Number(events),
  };
}

/** On disk, after everything was merged into as few parts as it will ever be. */
async function clickhouseBytes(clickhouse: ClickHouse): Promise<Record<string, number>> {
  const database = clickhouse.database(1);
  const select = async <Row>(query: string): Promise<Row[]> =>
    (await clickhouse.client.query({ query, format: 'JSONEachRow' })).json<Row>();
  const names = await select<{ name: string }>(
    `select name from system.tables where database = '${database}' and engine like '%MergeTree%'`,
  );
  for (const { name } of names) {
    await clickhouse.client.command({ query: `optimize table ${database}.${name} final` });
  }
  const sizes = await select<{ table: string; bytes: number }>(
    `select table, toUInt32(sum(bytes_on_disk)) as bytes from system.parts
     where database = '${database}' and active group by table order by bytes desc`,
  );
  return Object.fromEntries(sizes.map(({ table, bytes }) => [table, bytes]));
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const { blocks } = await stat(join(entry.parentPath, entry.name));
    bytes += blocks * 512;
  }
  return bytes;
}
