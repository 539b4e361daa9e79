import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { once } from 'node:events';
import { joinSpans, type LineBuffer, type Span } from '../line-buffer.js';
import { RAW_LINE_COLUMNS } from './raw-line.js';

const COPY_EVENTS = `copy events (${RAW_LINE_COLUMNS}) from stdin`;

/**
 * Writes rows with COPY, in order. Rejects with the database's error when it refuses a row, and with a unique violation
 * when a row exists.
 */
export async function copyRows(
  client: pg.ClientBase,
  lines: LineBuffer,
  rows: readonly Span[],
): Promise<void> {
  const stream = client.query(copyFrom(COPY_EVENTS));
  const finished = once(stream, 'finish');
  for (const { start, end } of joinSpans(rows)) stream.write(lines.slice(start, end));
  stream.end();
  await finished;
}
