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
import type { ScoringStep } from '../src/score/score-project.js';
import { completeThrough, DAY_MS, dayNumber, insertActiveDays, simulatePeople } from './churn-kit.js';
import type { KilledScoringArguments } from './killed-scoring.js';
import { ask, type Stores } from './kit.js';

const FIRST = dayNumber('2026-01-01');
const LAST = dayNumber('2026-06-30');
const NOW_MS = (LAST + 1) * DAY_MS + 6 * 3_600_000;
const LOG = { id: 'log', partitionCount: 2 };
const SCRIPT = fileURLToPath(new URL('./killed-scoring.ts', import.meta.url));

describe('a scoring that is killed', () => {
  const people = simulatePeople({ people: 600, firstDay: FIRST, lastDay: LAST, futureDays: 0, seed: 3 });
  let postgres: TestDatabase;
  let dir: string;
  let projectId: number;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-churn-crash-'));
    postgres = await createTestDatabase(inject('postgresUrl'));
    projectId = await ensureProject(postgres.pool, 'test');
    await completeThrough({ postgres, log: LOG as Stores['log'] }, NOW_MS);
    await withClickHouse(async (clickhouse) => {
      await migrateClickHouse(clickhouse, postgres.pool);
      await insertActiveDays({ clickhouse, projectId }, people, LAST);
    });
  });
  afterAll(async () => {
    await postgres.drop();
    await rm(dir, { recursive: true, force: true });
  });

  async function withClickHouse<Result>(
    work: (clickhouse: Awaited<ReturnType<typeof openClickHouse>>) => Promise<Result>,
  ): Promise<Result> {
    const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
    try {
      return await work(clickhouse);
    } finally {
      await clickhouse.close();
    }
  }

  function start(killAt?: KilledScoringArguments['killAt']): ReturnType<typeof fork> {
    const wanted: KilledScoringArguments = {
      postgresUrl: postgres.url,
      clickhouseUrl: `embedded:${join(dir, 'clickhouse')}`,
      log: LOG,
      projectId,
      nowMs: NOW_MS,
      peoplePerSlice: 60,
      ...(killAt === undefined ? {} : { killAt }),
    };
    return fork(SCRIPT, [JSON.stringify(wanted)], {
      execArgv: ['--import', 'tsx', '--conditions', 'sluice-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  const kills: { step: ScoringStep; occurrence: number }[] = [
    { step: 'model-saved', occurrence: 1 },
    { step: 'run-opened', occurrence: 1 },
    { step: 'slice-inserted', occurrence: 1 },
    { step: 'slice-inserted', occurrence: 3 },
    { step: 'slice-noted', occurrence: 2 },
  ];

  it('goes on where it was, tells nothing before it is whole, and scores everyone once', async () => {
    for (const killAt of kills) {
      const child = start(killAt);
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(`${killAt.step}: ${String(signal)}`).toBe(`${killAt.step}: SIGKILL`);
      expect((await postgres.pool.query('select from churn_current')).rowCount).toBe(0);
    }
    const half = await postgres.pool.query<{ run_id: number; slices_done: number }>(
      'select run_id, slices_done from churn_runs',
    );
    // One run from the first to the last of them. The slices noted: those before each end.
    expect(half.rows).toEqual([{ run_id: half.rows[0]!.run_id, slices_done: 4 }]);

    const child = start();
    const [outcome] = (await once(child, 'message')) as [unknown];
    await once(child, 'exit');
    const known = people.filter(({ days }) => days[0]! <= LAST).length;
    expect(outcome).toMatchObject({
      kind: 'published',
      runId: half.rows[0]!.run_id,
      people: known,
      trained: false,
    });
    const [stored] = await withClickHouse((clickhouse) =>
      ask<{ n: number; distinct: number }>(
        { postgres, clickhouse },
        'select count() as n, uniqExact(actor_hash) as distinct from {db}.churn_scores',
      ),
    );
    expect(stored).toEqual({ n: known, distinct: known });
  });

  it('is told once it is whole, whatever ends after that', async () => {
    await postgres.pool.query(`update churn_runs set known_through = known_through - 1`);
    const child = start({ step: 'run-published', occurrence: 1 });
    await once(child, 'exit');
    const told = await postgres.pool.query<{ state: string; people: number }>(
      'select r.state, r.people from churn_current join churn_runs r using (run_id) order by run_id desc limit 1',
    );
    expect(told.rows).toMatchObject([{ state: 'published' }]);
    const again = start();
    const [outcome] = (await once(again, 'message')) as [unknown];
    await once(again, 'exit');
    expect(outcome).toEqual({ kind: 'up_to_date' });
  });
});
