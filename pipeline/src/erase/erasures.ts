import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { hashId } from '../land/id-hash.js';

/**
 * An erasure as stored. Its states are the journey:
 *
 *     requested ── Postgres forgets ──▶ raw ── ClickHouse forgets ──▶ columnar ── both are searched ──▶ done
 *
 * A state is left in the transaction that did its work, or after work that can be repeated.
 */
export interface Erasure {
  erasureId: number;
  projectId: number;
  personHash: Buffer;
  state: 'requested' | 'raw' | 'columnar' | 'done';
  /** All ids of the person, as far as they are known; empty when it is done. */
  ids: string[];
  requestedBy: string;
  requestedAt: Date;
  /** What was done of the present state, and what it counted. */
  steps: Record<string, Record<string, number>>;
  receipt: Record<string, unknown> | null;
}

type Queryable = pg.ClientBase | pg.Pool;

/** The key under which ids of a project are hashed; made when there is none. */
export async function ensureErasureKey(client: Queryable, projectId: number): Promise<Buffer> {
  await client.query(
    'insert into erasure_keys (project_id, key) values ($1, $2) on conflict (project_id) do nothing',
    [projectId, randomBytes(32)],
  );
  const found = await client.query<{ key: Buffer }>('select key from erasure_keys where project_id = $1', [
    projectId,
  ]);
  return found.rows[0]!.key;
}

/** Asks for the erasure of whoever has these ids; resolves with its number. A running pipeline does it as a job. */
export async function requestErasure(
  client: Queryable,
  request: { projectId: number; ids: readonly string[]; requestedBy: string },
): Promise<number> {
  const [first] = request.ids;
  if (first === undefined) throw new RangeError('An erasure names somebody.');
  const key = await ensureErasureKey(client, request.projectId);
  const made = await client.query<{ erasure_id: number | string }>(
    `insert into erasures (project_id, person_hash, ids, requested_by) values ($1, $2, $3, $4)
     returning erasure_id`,
    [request.projectId, hashId(key, first), JSON.stringify(request.ids), request.requestedBy],
  );
  return Number(made.rows[0]!.erasure_id);
}

/** An erasure as it stands; undefined when there is none of that number. */
export async function readErasure(client: Queryable, erasureId: number): Promise<Erasure | undefined> {
  const found = await client.query<{
    erasure_id: number | string;
    project_id: number;
    person_hash: Buffer;
    state: Erasure['state'];
    ids: string[] | null;
    requested_by: string;
    requested_at: Date;
    steps: Erasure['steps'];
    receipt: Record<string, unknown> | null;
  }>(
    `select erasure_id, project_id, person_hash, state, ids, requested_by, requested_at, steps, receipt
     from erasures where erasure_id = $1`,
    [erasureId],
  );
  const row = found.rows[0];
  if (row === undefined) return undefined;
  return {
    erasureId: Number(row.erasure_id),
    projectId: row.project_id,
    personHash: row.person_hash,
    state: row.state,
    ids: row.ids ?? [],
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    steps: row.steps,
    receipt: row.receipt,
  };
}

/** What there is to tell of every erasure, newest first. Nobody is named in it. */
export async function listErasures(client: Queryable, project?: string): Promise<Record<string, unknown>[]> {
  const found = await client.query<Record<string, unknown>>(
    `select e.erasure_id as id, p.name as project, e.state, e.requested_by, e.requested_at, e.erased_at
     from erasures e join projects p using (project_id)
     where $1::text is null or p.name = $1 order by e.erasure_id desc`,
    [project ?? null],
  );
  return found.rows;
}

/** Notes a step as done, with what it counted. */
export async function noteStep(
  client: Queryable,
  erasure: Erasure,
  step: string,
  counts: Record<string, number>,
): Promise<void> {
  erasure.steps[step] = counts;
  await client.query(
    `update erasures set steps = steps || jsonb_build_object($2::text, $3::jsonb) where erasure_id = $1`,
    [erasure.erasureId, step, JSON.stringify(counts)],
  );
}

export async function moveOn(client: Queryable, erasure: Erasure, state: Erasure['state']): Promise<void> {
  await client.query('update erasures set state = $2 where erasure_id = $1', [erasure.erasureId, state]);
}
