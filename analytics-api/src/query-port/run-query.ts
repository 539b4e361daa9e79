import type { z } from 'zod';

/**
 * A question to a store: its SQL, the values bound to it and the form of its rows. Whatever comes from outside is in
 * `params`; the SQL is put together from constants alone. `Params` is what the store takes: names with types in the SQL
 * for ClickHouse, numbered places for Postgres.
 */
export interface Question<Row, Params> {
  /** For logs and metrics. */
  readonly name: string;
  readonly sql: string;
  readonly params: Params;
  readonly row: z.ZodType<Row>;
  /**
   * Under this name the SQL is always the same, so that Postgres may keep it prepared. Not for questions whose best plan
   * hangs on the values.
   */
  readonly isConstant?: true;
}

export type NamedParams = Readonly<Record<string, unknown>>;
export type ClickHouseQuestion<Row> = Question<Row, NamedParams>;
export type PostgresQuestion<Row> = Question<Row, readonly unknown[]>;

export interface QueryLimits {
  /** Longest time for the answer, waiting included, milliseconds. Default: the adapter's. */
  timeoutMs?: number;
  /** Rows at most; more is an error, never a part of them. Default: the adapter's. */
  maxRows?: number;
  /** Aborts the question when nobody waits for the answer any more. */
  signal?: AbortSignal;
}

export interface Rows<Row> {
  rows: Row[];
  rowsRead: number;
  bytesRead: number;
  elapsedMs: number;
}

/**
 * Asks a store. It only reads, unless it was made for changes. Resolves with all rows, each checked against the question's schema, or rejects with a
 * SluiceError: query_timeout, query_too_large, store_unavailable or query_failed. A failure is never an empty answer.
 */
export type RunQuery<Params> = <Row>(
  question: Question<Row, Params>,
  limits?: QueryLimits,
) => Promise<Rows<Row>>;
export type RunClickHouse = RunQuery<NamedParams>;
export type RunPostgres = RunQuery<readonly unknown[]>;
