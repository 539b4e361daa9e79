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
import type { PipelineStep } from '../src/index.js';
import type { KilledPipelineArguments } from './killed-pipeline.js';
import { balanced, caughtUp, count, eventually, readBalance, recordOf, track } from './kit.js';

const PARTITIONS = 2;
const SCRIPT = fileURLToPath(new URL('./killed-pipeline.ts', import.meta.url));

describe('a pipeline that is killed', () => {
  let postgres: TestDatabase;
  let log: EventLog;
  let dir: string;
  let projectId: number;
  let logged = 0;
  let distinct = 0;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-crash-'));
    postgres = await createTestDatabase(inject('postgresUrl'));
    log = await openEventLog(`embedded:${join(dir, 'log')}`, { partitions: PARTITIONS });
    projectId = await ensureProject(postgres.pool, 'test');
    const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
    await migrateClickHouse(clickhouse, postgres.pool);
    await clickhouse.close();
  });
  afterAll(async () => {
    await log.close();
    await postgres.drop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Messages of several devices, a third of them sent twice. */
  async function send(): Promise<void> {
    for (let request = 0; request < 30; request++) {
      const device = `device-${request % 5}`;
      const batch = Array.from({ length: 10 }, () => track(device, 'Sent'));
      batch.push({
        type: 'identify',
        anonymousId: device,
        userId: `user-${device}`,
        messageId: crypto.randomUUID(),
      });
      await log.append([recordOf({ projectId, log }, batch)]);
      logged += batch.length;
      distinct += batch.length;
      if (request % 3 === 0) {
        await log.append([recordOf({ projectId, log }, batch)]);
        logged += batch.length;
      }
    }
  }

  function start(killAt?: KilledPipelineArguments['killAt']): ReturnType<typeof fork> {
    const wanted: KilledPipelineArguments = {
      postgresUrl: postgres.url,
      clickhouseUrl: `embedded:${join(dir, 'clickhouse')}`,
      logUrl: `embedded:${join(dir, 'log')}`,
      partitions: PARTITIONS,
      ...(killAt === undefined ? {} : { killAt }),
    };
    return fork(SCRIPT, [JSON.stringify(wanted)], {
      execArgv: ['--import', 'tsx', '--conditions', 'sluice-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  const steps: PipelineStep[] = [
    'fenced',
    'rows-copied',
    'account-written',
    'profiles-written',
    'manifest-written',
    'committed',
    'rollup-started',
    'rollup-inserted',
    'rollup-done',
  ];

  it('loses nothing and counts nothing twice, wherever it is killed', async () => {
    for (const [index, step] of steps.entries()) {
      await send();
      const child = start({ step, occurrence: 1 + (index % 3) });
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(`${step}: ${String(signal)}`).toBe(`${step}: SIGKILL`);
    }
    const child = start();
    await caughtUp({ postgres, log });
    await eventually(async () =>
      (await count({ postgres }, `batches where state = 'pending'`)) === 0 ? undefined : 'pending',
    );
    child.send('stop');
    expect(await once(child, 'exit')).toEqual([0, null]);

    const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
    expect(await readBalance({ postgres, clickhouse })).toEqual(balanced({ logged, distinct }));
    await clickhouse.close();
    const people = await postgres.pool.query<{ user_id: string; events: number }>(
      'select user_id, events from users order by user_id',
    );
    expect(people.rows.map((row) => row.user_id)).toEqual(
      Array.from({ length: 5 }, (_, i) => `user-device-${i}`),
    );
    expect(people.rows.reduce((sum, row) => sum + row.events, 0)).toBe(distinct);
  });
});
