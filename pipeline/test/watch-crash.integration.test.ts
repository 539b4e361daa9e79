import { createRandom } from '@sluice/models/random';
import { openEventLog, type EventLog } from '@sluice/event-log';
import { ensureProject } from '@sluice/service-kit';
import { migrateClickHouse, openClickHouse } from '@sluice/warehouse';
import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { WatchStep } from '../src/watch/steps.js';
import type { KilledWatcherArguments } from './killed-watcher.js';
import {
  dailyMean,
  DAY_MS,
  drawMessages,
  landPast,
  makeChannel,
  makeWatch,
  QUARTER_MS,
} from './watch-kit.js';

const PARTITIONS = 2;
const SCRIPT = fileURLToPath(new URL('./killed-watcher.ts', import.meta.url));
const LATENESS_MS = 120_000;
const HOUR_MS = 3_600_000;

describe('a watcher that is killed', () => {
  let postgres: TestDatabase;
  let log: EventLog;
  let dir: string;
  let projectId: number;
  const liveMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS + 10 * HOUR_MS;
  const outageMs = { from: liveMs + HOUR_MS, to: liveMs + 2 * HOUR_MS };
  const times = Array.from({ length: 16 }, (_, index) => liveMs + index * QUARTER_MS + LATENESS_MS);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-watch-'));
    postgres = await createTestDatabase(inject('postgresUrl'));
    log = await openEventLog(`embedded:${join(dir, 'log')}`, { partitions: PARTITIONS });
    projectId = await ensureProject(postgres.pool, 'test');
    const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
    await migrateClickHouse(clickhouse, postgres.pool);
    const stores = { postgres, asPipeline: postgres, log, dir, projectId, close: () => Promise.resolve() };
    await landPast(
      { ...stores, clickhouse: { ...clickhouse, drop: () => Promise.resolve() } },
      drawMessages(
        [
          {
            event: 'Signup',
            meanAt: (ms) => (ms >= outageMs.from && ms < outageMs.to ? 0 : dailyMean(12)(ms)),
          },
          { event: 'Visit', meanAt: dailyMean(8) },
        ],
        {
          fromMs: liveMs - 16 * DAY_MS,
          toMs: liveMs + 4 * HOUR_MS,
          stepMs: QUARTER_MS,
          random: createRandom(3),
        },
      ),
    );
    await clickhouse.close();
  });
  afterAll(async () => {
    await log.close();
    await postgres.drop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Runs a watcher over these instants; resolves with those that were done, and how it ended. */
  async function run(
    of: number[],
    killAt?: KilledWatcherArguments['killAt'],
  ): Promise<{ done: number[]; signal: string | null; code: number | null }> {
    const wanted: KilledWatcherArguments = {
      postgresUrl: postgres.url,
      clickhouseUrl: `embedded:${join(dir, 'clickhouse')}`,
      logUrl: `embedded:${join(dir, 'log')}`,
      partitions: PARTITIONS,
      times: of,
      ...(killAt === undefined ? {} : { killAt }),
    };
    const done: number[] = [];
    const child = fork(SCRIPT, [JSON.stringify(wanted)], {
      execArgv: ['--import', 'tsx', '--conditions', 'sluice-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.on('message', (nowMs: number) => done.push(nowMs));
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { done, signal, code };
  }

  async function begin(): Promise<void> {
    await postgres.pool.query('delete from watches');
    await postgres.pool.query('delete from notification_channels');
    await makeWatch({ postgres, projectId }, { name: 'all', metric: { kind: 'every_event' } });
    const target = { url: 'http://127.0.0.1:1/' };
    await makeChannel({ postgres, projectId }, { name: 'hook', kind: 'webhook', target });
  }

  /** Everything that was said, without ids and without the time of saying it. */
  async function dump(): Promise<Record<string, unknown[]>> {
    const ask = async (sql: string): Promise<unknown[]> => (await postgres.pool.query(sql)).rows as unknown[];
    return {
      series: await ask(
        'select series, next_bucket, encode(state, $$hex$$) as state from watch_series order by series',
      ),
      points: await ask(
        `select series, bucket, observed, expected, lower, upper, tail_probability, anomalous
         from watch_points join watch_series using (series_id) order by series, bucket`,
      ),
      flags: await ask(
        `select series, bucket, since, observed, expected, severity, direction, state, opened_at, last_seen_at, resolved_at,
           peak_bucket, buckets, observed_sum, expected_sum, surprise_sum, backfilled, evidence
         from anomalies order by series, bucket`,
      ),
      notifications: await ask(
        `select n.kind, a.series, n.payload -> 'data' ->> 'bucket' as bucket, n.payload -> 'data' ->> 'severity' as severity
         from notifications n join anomalies a using (anomaly_id) order by a.series, a.bucket, n.kind`,
      ),
    };
  }

  const steps: WatchStep[] = [
    'asked',
    'judged',
    'fenced',
    'points-written',
    'anomalies-written',
    'committed',
  ];

  it('says the same as one that never was, wherever it is killed', async () => {
    await begin();
    expect(await run(times)).toMatchObject({ code: 0 });
    const expected = await dump();
    expect(expected['flags']).toContainEqual(
      expect.objectContaining({ series: 'Signup', direction: 'down', state: 'resolved' }),
    );
    expect(expected['notifications']!.length).toBeGreaterThanOrEqual(2);

    await begin();
    let left = times;
    for (const [index, step] of steps.entries()) {
      // The first in the middle of history, the others from the outage on.
      const { done, signal } = await run(left, { step, occurrence: 1 + (index % 3) });
      expect(`${step}: ${String(signal)}`).toBe(`${step}: SIGKILL`);
      left = left.slice(done.length);
    }
    expect(await run(left)).toMatchObject({ code: 0 });
    expect(await dump()).toEqual(expected);
  });
});
