import { inTransaction, type Logger } from '@sluice/service-kit';
import { dropGeneration, type ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { hashesOf } from './clickhouse-people.js';
import { eraseFromClickHouse } from './erase-from-clickhouse.js';
import { eraseFromPostgres } from './erase-from-postgres.js';
import { moveOn, noteStep, readErasure, type Erasure } from './erasures.js';
import { listGenerations, lookForPerson } from './look-again.js';
import { makeReceipt, type ErasureReceipt } from './receipt.js';
import { eraseLetters, sweepEvents, sweepNotes } from './sweep-postgres.js';

export interface EraseOptions {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  logger: Logger;
  onProgress?: (progress: { stage: string }) => void;
  /** Called after every step; tests end the process there. */
  onStep?: (step: string) => Promise<void> | void;
}

/** The person is still named somewhere after everything was done: the erasure stays open. */
export class NotErasedError extends Error {
  override name = 'NotErasedError';

  constructor(found: Record<string, Record<string, number>>) {
    super(`The person is still named in some tables: ${JSON.stringify(found)}. The erasure stays open.`);
  }
}

/**
 * Carries an erasure through, from whatever state it is in. Each state is left when all of it is done, and each step of it
 * can be repeated: killed anywhere, the next call goes on. Events keep coming meanwhile; the person's do not land.
 *
 * One erasure of a project at a time; a rebuild and a scoring of the project wait, or are waited for.
 */
export async function erasePerson(erasureId: number, options: EraseOptions): Promise<ErasureReceipt> {
  const { pool } = options;
  const asked = await readErasure(pool, erasureId);
  if (asked === undefined) throw new Error(`There is no erasure ${erasureId}.`);
  const guard = await pool.connect();
  try {
    // A rebuild reads one snapshot for as long as it takes: it would bring the person back.
    await guard.query('select pg_advisory_lock($1, 0)', [LOCKS.REBUILD]);
    await guard.query('select pg_advisory_lock($1, $2)', [LOCKS.ERASURE, asked.projectId]);
    await guard.query('select pg_advisory_lock($1, $2)', [LOCKS.CHURN, asked.projectId]);
    const erasure = (await readErasure(pool, erasureId)) ?? asked;
    if (erasure.state === 'done') return erasure.receipt as ErasureReceipt;
    return await eraseLocked(erasure, options);
  } finally {
    // Ends the session, and the locks with it.
    guard.release(true);
  }
}

async function eraseLocked(erasure: Erasure, options: EraseOptions): Promise<ErasureReceipt> {
  const { pool, clickhouse, logger, onProgress = () => undefined, onStep = () => undefined } = options;
  if (erasure.state === 'requested') {
    onProgress({ stage: 'Postgres' });
    await dropUnfinishedGenerations(pool, clickhouse);
    const erased = await forgetRows(erasure, options);
    erasure.ids = erased.ids;
    erasure.steps['postgres'] = erased.counts;
    erasure.state = 'raw';
    await onStep('raw');
  }
  if (erasure.state === 'raw') {
    onProgress({ stage: 'dead letters and notes' });
    await noteStep(pool, erasure, 'dead_letters', { letters: await eraseLetters(pool, erasure) });
    await onStep('dead-letters');
    await noteStep(pool, erasure, 'sweep', await sweepEvents(pool, erasure));
    await noteStep(pool, erasure, 'notes', { changed: await sweepNotes(pool, erasure) });
    await onStep('swept');
    onProgress({ stage: 'ClickHouse' });
    const person = { projectId: erasure.projectId, hashes: await hashesOf(clickhouse, erasure.ids) };
    for (const generation of await listGenerations(pool)) {
      await eraseFromClickHouse({ pool, clickhouse, onStep }, erasure, person, generation);
    }
    await forgetAnswers(pool, erasure);
    erasure.state = 'columnar';
    await onStep('columnar');
  }
  onProgress({ stage: 'looking again' });
  const found = await lookForPerson(pool, clickhouse, erasure);
  const receipt = await finish(pool, erasure, found);
  logger.info({ erasureId: erasure.erasureId, projectId: erasure.projectId }, 'a person is erased');
  await onStep('done');
  return receipt;
}

/** What a rebuild that ended early has left behind holds everybody, and nothing reads it. The rebuild's lock is held. */
async function dropUnfinishedGenerations(pool: pg.Pool, clickhouse: ClickHouse): Promise<void> {
  const left = await pool.query<{ generation: number }>(
    `select generation from rollup_generations where state = 'building'`,
  );
  for (const { generation } of left.rows) {
    await dropGeneration(clickhouse, generation);
    await pool.query(`delete from rollup_generations where generation = $1 and state = 'building'`, [
      generation,
    ]);
  }
}

async function forgetRows(
  erasure: Erasure,
  { pool, clickhouse, logger, onStep = () => undefined }: EraseOptions,
): Promise<Awaited<ReturnType<typeof eraseFromPostgres>>> {
  return inTransaction(pool, async (client) => {
    const result = await eraseFromPostgres(
      {
        pool,
        clickhouse,
        onStep: () => undefined,
        onRefusedRow: (row, error) =>
          logger.warn({ eventId: row.eventId, reason: error.message }, 'rolled up as text'),
      },
      client,
      erasure,
    );
    await noteStep(client, erasure, 'postgres', result.counts);
    await onStep('raw-written');
    return result;
  });
}

/** Answers that are remembered go by how many events were rolled up: one more, and none of them is given again. */
async function forgetAnswers(pool: pg.Pool, erasure: Erasure): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(
      `insert into rolled_up (project_id, events) values ($1, 1)
         on conflict (project_id) do update set events = rolled_up.events + 1`,
      [erasure.projectId],
    );
    await moveOn(client, erasure, 'columnar');
  });
}

/** Notes the receipt, and forgets who it was; from this instant on, the person may come anew. */
async function finish(
  pool: pg.Pool,
  erasure: Erasure,
  found: ErasureReceipt['found_again'],
): Promise<ErasureReceipt> {
  const facts = await pool.query<{ name: string; spooled: number | string; now: Date }>(
    `select name, (select coalesce(sum(messages), 0) from spools) as spooled, date_trunc('milliseconds', clock_timestamp()) as now
     from projects where project_id = $1`,
    [erasure.projectId],
  );
  const { name = '', spooled = 0, now = new Date() } = facts.rows[0] ?? {};
  const receipt = makeReceipt(erasure, {
    project: name,
    ids: erasure.ids.length,
    erasedAt: now,
    found,
    spooledMessages: Number(spooled),
  });
  if (receipt.remaining > 0) throw new NotErasedError(found);
  await pool.query(
    `with done as (
       update erasures set state = 'done', ids = null, erased_at = $2, receipt = $3 where erasure_id = $1
       returning erasure_id)
     update erased_people set until = $2 where erasure_id in (select erasure_id from done)`,
    [erasure.erasureId, now, JSON.stringify(receipt)],
  );
  return receipt;
}
