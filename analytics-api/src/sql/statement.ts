import type { NamedParams } from '../query-port/run-query.js';

/**
 * One SQL statement that is being put together: constants make its text, values reach it only as bound parameters. Every
 * statement knows whose data it reads: `{db:Identifier}` and `{project:UInt32}` are always bound.
 */
export interface Statement {
  /** Binds a value and returns its place in the SQL. */
  bind(type: string, value: unknown): string;
  /** Everything bound so far. */
  readonly params: NamedParams;
  /** Whether ids of the project were ever merged: where not, no query needs to look. */
  readonly hasMerges: boolean;
  /** A name that no other part of the statement uses. */
  alias(stem: string): string;
}

export interface StatementOwner {
  database: string;
  projectId: number;
  hasMerges: boolean;
}

export function createStatement({ database, projectId, hasMerges }: StatementOwner): Statement {
  const params: Record<string, unknown> = { db: database, project: projectId };
  const placeOf = new Map<string, string>();
  let count = 0;
  let aliases = 0;
  return {
    params,
    hasMerges,
    bind(type, value) {
      // The same value is bound once: many parts of a statement name the range.
      const key = `${type}\n${JSON.stringify(value)}`;
      const known = placeOf.get(key);
      if (known !== undefined) return known;
      const name = `v${count++}`;
      params[name] = value;
      const place = `{${name}:${type}}`;
      placeOf.set(key, place);
      return place;
    },
    alias: (stem) => `${stem}${aliases++}`,
  };
}

/** `timestamp` (or another column) within a range; the end is not included. */
export function timeCondition(
  statement: Statement,
  column: string,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): string {
  const instant = (epochMs: number) => `fromUnixTimestamp64Milli(${statement.bind('Int64', epochMs)}, 'UTC')`;
  return `${column} >= ${instant(fromMs)} and ${column} < ${instant(toMs)}`;
}
