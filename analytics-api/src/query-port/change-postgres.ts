import type { AdminActionName } from '@sluice/contracts';
import { recordAdminAction, type AdminActor } from '@sluice/service-kit';
import type pg from 'pg';
import { checkCount, checkRows } from './check-rows.js';
import { beginWith, hasEnded, statementOf, translate, type PostgresLimits } from './postgres.js';
import type { PostgresQuestion, Rows } from './run-query.js';

/** How a change stands in the list of admin actions. */
export interface NotedChange {
  by: AdminActor;
  projectId: number;
  action: AdminActionName;
  /** Name or id of what is changed; a function where only the rows of the change tell it. */
  target: string | ((rows: readonly Record<string, unknown>[]) => string);
  /** Reads what is changed, asked before and after it. Without one, what the change answers is what there is afterwards. */
  state?: PostgresQuestion<unknown>;
}

/**
 * Changes something and notes it, in one transaction. A change that answers with no rows changed nothing and is not noted.
 * Answers as RunQuery does.
 */
export type ChangePostgres = <Row>(question: PostgresQuestion<Row>, noted: NotedChange) => Promise<Rows<Row>>;

/**
 * With 1 of the project as its second number: held to the end of a change, so that what one change leaves behind is what
 * the next one finds. Taken before anything else.
 */
const ADMIN_CHANGES_LOCK = 0x51_c0_0a;

export function createChangePostgres(pool: pg.Pool, { timeoutMs, maxRows }: PostgresLimits): ChangePostgres {
  return async (question, noted) => {
    const startedAt = performance.now();
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw translate(error, question.name);
    }
    let rows: Record<string, unknown>[];
    try {
      await client.query(beginWith('read write', timeoutMs));
      await client.query('select pg_advisory_xact_lock($1, $2)', [ADMIN_CHANGES_LOCK, noted.projectId]);
      const before = await readState(client, noted);
      ({ rows } = await client.query<Record<string, unknown>>(statementOf(question)));
      if (rows.length > 0) {
        const after = noted.state === undefined ? rows : await readState(client, noted);
        const target = typeof noted.target === 'string' ? noted.target : noted.target(rows);
        await recordAdminAction(client, { ...noted, target, before, after });
      }
      await client.query('commit');
    } catch (error) {
      client.release(!(await hasEnded(client, 'rollback')));
      throw translate(error, question.name);
    }
    client.release();
    checkCount(question, rows.length, maxRows);
    return {
      rows: checkRows(question, rows),
      rowsRead: rows.length,
      bytesRead: 0,
      elapsedMs: performance.now() - startedAt,
    };
  };
}

/** Null: there is nothing. */
async function readState(client: pg.PoolClient, { state }: NotedChange): Promise<unknown> {
  if (state === undefined) return null;
  const { rows } = await client.query<Record<string, unknown>>(statementOf(state));
  return rows.length === 0 ? null : rows;
}
