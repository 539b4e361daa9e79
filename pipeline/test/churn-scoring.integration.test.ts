import { createLogger, ensureProject } from '@sluice/service-kit';
import { measure } from '@sluice/models/churn';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { rebuildRollups, requestJob, scoreProject, type ScoringOptions } from '../src/index.js';
import { LOCKS } from '../src/land/locks.js';
import { createPipelineTelemetry } from '../src/telemetry.js';
import { startScoringSchedule } from '../src/score/schedule.js';
import {
  completeThrough,
  DAY_MS,
  dayNumber,
  insertActiveDays,
  simulatePeople,
  type SimulatedPerson,
} from './churn-kit.js';
import { ask, eventually, openStores, runPipeline, type Stores } from './kit.js';

const FIRST = dayNumber('2026-01-01');
const LAST = dayNumber('2026-08-31');
const FUTURE_DAYS = 90;
/** The morning after the last day. */
const NOW_MS = (LAST + 1) * DAY_MS + 6 * 3_600_000;

function optionsOf(stores: Stores, over: Partial<ScoringOptions> = {}): ScoringOptions {
  return {
    pool: stores.asPipeline.pool,
    clickhouse: stores.clickhouse,
    log: stores.log,
    logger: createLogger('scoring', 'silent'),
    config: { everyDays: 1, retrainDays: 7, peoplePerSlice: 500 },
    now: () => NOW_MS,
    ...over,
  };
}

interface Told {
  id: string;
  churn_7: number;
  churn_30: number;
  churn_90: number;
  active_30: number;
  reasons: [string, number][];
  last_active: string;
  age_days: number;
}

/** The scores that are told. */
async function readTold(stores: Stores, projectId = stores.projectId): Promise<Told[]> {
  const found = await stores.postgres.pool.query<{ run_id: number }>(
    'select run_id from churn_current where project_id = $1',
    [projectId],
  );
  if (found.rows[0] === undefined) return [];
  return ask<Told>(
    stores,
    `select a.actor_id as id, churn_7, churn_30, churn_90, active_30,
       arrayMap(r -> (toString(r.1), r.2), reasons_30) as reasons, last_active, age_days
     from {db}.churn_scores as s
     left join (select actor_hash, any(actor_id) as actor_id from {db}.actors where project_id = ${projectId} group by actor_hash) as a
       on a.actor_hash = s.actor_hash
     where project_id = ${projectId} and run_id = ${found.rows[0].run_id} order by id`,
  );
}

const knownBy = (people: readonly SimulatedPerson[], day: number): SimulatedPerson[] =>
  people.filter(({ days }) => days[0]! <= day);

describe('scoring people', () => {
  let stores: Stores;
  const people = simulatePeople({
    people: 3_000,
    firstDay: FIRST,
    lastDay: LAST,
    futureDays: FUTURE_DAYS,
    seed: 11,
  });

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
    await insertActiveDays(stores, people, LAST);
  });
  afterAll(() => stores.close());

  it('waits until the day is complete', async () => {
    expect(await scoreProject(stores.projectId, optionsOf(stores))).toMatchObject({ kind: 'incomplete' });
    await completeThrough(stores, NOW_MS - 10_000);
    expect(await readTold(stores)).toEqual([]);
  });

  it('scores everyone who was ever active, once', async () => {
    const outcome = await scoreProject(stores.projectId, optionsOf(stores));
    expect(outcome).toMatchObject({
      kind: 'published',
      people: knownBy(people, LAST).length,
      knownThrough: '2026-08-31',
      trained: true,
    });
    const told = await readTold(stores);
    expect(told.map(({ id }) => id)).toEqual(
      knownBy(people, LAST)
        .map(({ id }) => id)
        .sort(),
    );
    for (const { churn_7, churn_30, churn_90, reasons } of told) {
      expect(churn_7).toBeGreaterThanOrEqual(0);
      expect(churn_7).toBeLessThanOrEqual(1);
      // Nobody is less likely to come in a longer time.
      expect(churn_30).toBeLessThanOrEqual(churn_7);
      expect(churn_90).toBeLessThanOrEqual(churn_30);
      expect(reasons.length).toBeGreaterThan(0);
    }
  });

  it('says what turns out to be true of a simulated future', async () => {
    const told = new Map((await readTold(stores)).map((row) => [row.id, row]));
    const known = knownBy(people, LAST);
    for (const horizon of [7, 30, 90] as const) {
      const predicted = known.map(({ id }) => told.get(id)![`churn_${horizon}`]);
      const happened = known.map(({ days }) =>
        days.some((day) => day > LAST && day <= LAST + horizon) ? 0 : 1,
      );
      const { auc, ece } = measure(predicted, happened);
      expect(auc!).toBeGreaterThan(0.75);
      expect(ece).toBeLessThan(0.06);
    }
    const expected = known.reduce((sum, { id }) => sum + told.get(id)!.active_30, 0);
    const came = known.reduce(
      (sum, { days }) => sum + days.filter((day) => day > LAST && day <= LAST + 30).length,
      0,
    );
    expect(expected / came).toBeGreaterThan(0.75);
    expect(expected / came).toBeLessThan(1.33);
  });

  it('is done when the scores are of the last whole day, and trains no model that is young', async () => {
    expect(await scoreProject(stores.projectId, optionsOf(stores))).toEqual({ kind: 'up_to_date' });
    const forced = await scoreProject(stores.projectId, optionsOf(stores), { force: true });
    expect(forced).toMatchObject({ kind: 'published', trained: false });
  });

  it('keeps two whole runs and drops what is older', async () => {
    await scoreProject(stores.projectId, optionsOf(stores), { force: true });
    const kept = await stores.postgres.pool.query<{ run_id: number }>(
      'select run_id from churn_runs order by 1',
    );
    expect(kept.rows.length).toBe(2);
    const stored = await ask<{ run_id: number }>(
      stores,
      'select distinct run_id from {db}.churn_scores order by run_id',
    );
    expect(stored.map(({ run_id }) => run_id)).toEqual(kept.rows.map(({ run_id }) => run_id));
  });

  it('scores by a new definition, and says so where that leaves too little', async () => {
    const { pool } = stores.postgres;
    const before = await readTold(stores);
    await pool.query('insert into churn_definitions (project_id, definition) values ($1, $2)', [
      stores.projectId,
      { activity: { kind: 'event', events: ['Purchase'] } },
    ]);
    const outcome = await scoreProject(stores.projectId, optionsOf(stores));
    expect(outcome).toMatchObject({ kind: 'too_little_history' });
    const attempt = await pool.query<{ detail: string }>('select detail from churn_attempts');
    expect(attempt.rows[0]!.detail).toContain('too little to learn from');
    // What was told before is told still, and says by which definition it was made.
    expect(await readTold(stores)).toEqual(before);
    await pool.query('delete from churn_definitions');
  });

  it('makes one person of ids that were merged', async () => {
    const { clickhouse, postgres, projectId } = stores;
    const [first, second] = knownBy(people, LAST) as [SimulatedPerson, SimulatedPerson];
    await postgres.pool.query(
      'insert into identities (project_id, previous_id, user_id) values ($1, $2, $3)',
      [projectId, second.id, first.id],
    );
    await clickhouse.client.insert({
      table: `${clickhouse.database(1)}.identities`,
      format: 'JSONEachRow',
      values: [{ project_id: projectId, previous_id: second.id, user_id: first.id, version: 1 }],
    });
    await scoreProject(projectId, optionsOf(stores), { force: true });
    const told = await readTold(stores);
    expect(told.map(({ id }) => id)).not.toContain(second.id);
    const both = [...first.days, ...second.days].filter((day) => day <= LAST);
    expect(told.find(({ id }) => id === first.id)).toMatchObject({
      last_active: new Date(Math.max(...both) * DAY_MS).toISOString().slice(0, 10),
      age_days: LAST - Math.min(...both),
    });
  });

  it('has everyone of a run by the merges that were known when it began', async () => {
    const { clickhouse, projectId } = stores;
    // The ids fall into slices of their own; the one that others are merged into has done nothing itself.
    const merged = knownBy(people, LAST).slice(2, 40);
    const before = (await readTold(stores)).map(({ id }) => id);
    const options = optionsOf(stores, {
      config: { everyDays: 1, retrainDays: 7, peoplePerSlice: 300 },
      async onStep(step) {
        if (step !== 'slice-noted') return;
        await clickhouse.client.insert({
          table: `${clickhouse.database(1)}.identities`,
          format: 'JSONEachRow',
          values: merged.map(({ id }) => ({
            project_id: projectId,
            previous_id: id,
            user_id: `account of ${id}`,
            version: String(Date.now() * 1_000 + 3_600_000_000),
          })),
        });
      },
    });
    await scoreProject(projectId, options, { force: true });
    expect((await readTold(stores)).map(({ id }) => id)).toEqual(before);
    await clickhouse.client.command({
      query: `alter table ${clickhouse.database(1)}.identities delete where startsWith(user_id, 'account of')
              settings mutations_sync = 2`,
    });
  });

  it('when asked for, waits for a scoring that runs, and one project that fails holds up no other', async () => {
    const { pool } = stores.postgres;
    const broken = await ensureProject(pool, 'broken');
    await pool.query('insert into churn_definitions (project_id, definition) values ($1, $2)', [
      broken,
      { activity: { kind: 'no such thing' } },
    ]);
    const other = await pool.connect();
    await other.query('select pg_advisory_lock($1, $2)', [LOCKS.CHURN, stores.projectId]);
    const schedule = startScoringSchedule({
      ...optionsOf(stores),
      telemetry: createPipelineTelemetry(createLogger('churn', 'silent'), new Registry(), () => []),
      isScheduled: false,
    });
    const stages: unknown[] = [];
    try {
      const scoring = schedule.scoreNow([broken, stores.projectId], ({ stage }) => {
        stages.push(stage);
        if (stage === 'waiting') void other.query('select pg_advisory_unlock_all()');
      });
      await expect(scoring).rejects.toThrow(`Project ${broken}:`);
    } finally {
      other.release(true);
      await schedule.stop();
    }
    expect(stages).toContain('waiting');
    expect(stages.at(-1)).toBe('published');
    const attempt = await pool.query('select outcome from churn_attempts where project_id = $1', [broken]);
    expect(attempt.rows).toEqual([{ outcome: 'failed' }]);
    await pool.query('delete from churn_definitions');
  });

  it('keeps the scores when the rollups are rebuilt', async () => {
    const stored = async () => {
      const rows = await ask<{ run_id: number; n: number }>(
        stores,
        'select run_id, count() as n from {db}.churn_scores group by run_id order by run_id',
      );
      return rows;
    };
    const before = await stored();
    expect(before.length).toBeGreaterThan(0);
    const { generation } = await rebuildRollups({
      postgres: stores.postgres,
      clickhouse: stores.clickhouse,
      logger: createLogger('rebuild', 'silent'),
    });
    expect(generation).toBe(2);
    expect(await stored()).toEqual(before);
    // The raw events of the simulation were never landed: the rebuilt rollups do not have them.
    await insertActiveDays(stores, people, LAST, generation);
    const outcome = await scoreProject(stores.projectId, optionsOf(stores), { force: true });
    expect(outcome).toMatchObject({ kind: 'published' });
    expect((await stored()).length).toBe(2);
  });

  it('begins again where a rebuild went live while people were scored', async () => {
    const options = optionsOf(stores, {
      async onStep(step) {
        if (step !== 'slice-noted') return;
        await rebuildRollups({
          postgres: stores.postgres,
          clickhouse: stores.clickhouse,
          logger: createLogger('rebuild', 'silent'),
        });
      },
      config: { everyDays: 1, retrainDays: 7, peoplePerSlice: 300 },
    });
    const scoring = scoreProject(stores.projectId, options, { force: true });
    await expect(scoring).rejects.toThrow('rebuilt');
    await insertActiveDays(stores, people, LAST, 3);
    expect(await scoreProject(stores.projectId, optionsOf(stores), { force: true })).toMatchObject({
      kind: 'published',
    });
  });

  it('is done by a job, and by a pipeline when it is due', async () => {
    const pool = stores.postgres.pool;
    await pool.query('delete from churn_current');
    const pipeline = await runPipeline(stores, { churn: { everyDays: 1 } });
    try {
      await eventually(async () =>
        (await pool.query('select from churn_current')).rowCount === 1 ? undefined : 'not scored by itself',
      );
      const jobId = await requestJob(pool, 'churn', { project_id: stores.projectId });
      await eventually(async () => {
        const job = await pool.query<{ state: string; progress: object }>(
          'select state, progress from jobs where job_id = $1',
          [jobId],
        );
        return job.rows[0]!.state === 'done' ? undefined : JSON.stringify(job.rows[0]);
      }, 100_000);
      const job = await pool.query<{ progress: object }>('select progress from jobs where job_id = $1', [
        jobId,
      ]);
      expect(job.rows[0]!.progress).toMatchObject({
        projects: [{ project_id: stores.projectId, kind: 'published' }],
      });
    } finally {
      await pipeline.stop();
    }
  });
});
