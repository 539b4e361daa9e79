import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { once } from 'node:events';
import { joinSpans, type Span } from '../spans.js';
import { COPY_COLUMNS, COPY_HEADER, COPY_TRAILER, type CopyBuffer } from './copy-buffer.js';

const COPY_EVENTS = `copy events (${COPY_COLUMNS}) from stdin with (format binary)`;

/**
 * Writes rows with COPY, in order. Rejects with the database's error when it refuses a row, and with a unique violation
 * when a row exists.
 */
export async function copyRows(
  client: pg.ClientBase,
  buffer: CopyBuffer,
  rows: readonly Span[],
): Promise<void> {
  const stream = client.query(copyFrom(COPY_EVENTS));
  const finished = once(stream, 'finish');
  stream.write(COPY_HEADER);
  for (const { start, end } of joinSpans(rows)) stream.write(buffer.slice(start, end));
  stream.end(COPY_TRAILER);
  await finished;
}
