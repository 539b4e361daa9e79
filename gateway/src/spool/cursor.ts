import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How far the oldest segment has been drained. */
export interface Cursor {
  segment: number;
  drained: number;
}

const NAME = 'drained.json';

/**
 * Reads the cursor; segment 0 when there is none. It may lag behind after a crash, never run ahead: it is written after
 * the log has the records, so at worst they are appended again and landing removes the copies.
 */
export async function readCursor(dir: string): Promise<Cursor> {
  try {
    const cursor = JSON.parse(await readFile(join(dir, NAME), 'utf8')) as Partial<Cursor>;
    if (Number.isSafeInteger(cursor.segment) && Number.isSafeInteger(cursor.drained)) return cursor as Cursor;
  } catch {
    // None yet, or cut short by a crash.
  }
  return { segment: 0, drained: 0 };
}

export async function writeCursor(dir: string, cursor: Cursor): Promise<void> {
  await writeFile(join(dir, `${NAME}.part`), JSON.stringify(cursor));
  await rename(join(dir, `${NAME}.part`), join(dir, NAME));
}
