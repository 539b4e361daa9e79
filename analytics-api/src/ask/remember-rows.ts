import type { ClickHouseQuestion, Rows } from '../query-port/run-query.js';

/** Rows of questions that were asked before, as long as the data is the same. */
export interface RowMemory {
  find(key: string): Rows<unknown> | undefined;
  remember(key: string, rows: Rows<unknown>): void;
}

export interface RowMemoryOptions {
  /** Of all rows together, about, bytes. */
  maxBytes: number;
}

interface Entry {
  rows: Rows<unknown>;
  bytes: number;
}

/** A memory in this process that forgets what was not asked for longest. */
export function createRowMemory({ maxBytes }: RowMemoryOptions): RowMemory {
  const entries = new Map<string, Entry>();
  let bytes = 0;

  function forget(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytes -= entry.bytes;
  }

  return {
    find(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.rows;
    },
    remember(key, rows) {
      const size = key.length * 2 + 200 + bytesOf(rows.rows);
      // One answer must not push out all others.
      if (size > maxBytes / 4) return;
      forget(key);
      entries.set(key, { rows, bytes: size });
      bytes += size;
      while (bytes > maxBytes) forget(entries.keys().next().value!);
    },
  };
}

/** About what rows of numbers and short texts take: measured on the first, which has the shape of all. */
function bytesOf(rows: readonly unknown[]): number {
  return rows.length === 0 ? 0 : rows.length * (JSON.stringify(rows[0]).length * 2 + 80);
}

/**
 * What a question's rows depend on: whose data, in which state, and the whole text and values of the question. Two questions
 * that put the same SQL to the same data share their rows.
 */
export function memoryKey(
  view: { projectId: number; database: string; dataVersion: string },
  question: ClickHouseQuestion<unknown>,
): string {
  return `${view.projectId}\n${view.database}\n${view.dataVersion}\n${JSON.stringify(question.params)}\n${question.sql}`;
}
