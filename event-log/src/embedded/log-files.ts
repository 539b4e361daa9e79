/**
 * The LMDB environment of an embedded log and the few entries that steer it.
 *
 * - `state/log`: identity, form and number of partitions, written once.
 * - `state/head`: next offset and bytes ever appended, by partition. Only appends change it, conditionally on its
 *   version, so that several processes may append.
 * - `state/tail`: first offset kept, bytes before it, and the released offset, by partition. Only release and retention
 *   change it, conditionally on its version.
 * - `state/group:<name>`: who consumes for a group.
 * - `p<n>`: the records of a partition by offset.
 *
 * Durability: `overlappingSync` is off, so LMDB makes a transaction visible only after its pages and then its meta page
 * were synced. Two things rest on this: an append resolves only when it is on disk, and a consumer never sees (and never
 * stores a position beyond) a record that a power failure could still take back.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';

export const DEFAULT_PARTITIONS = 2;
const MAX_PARTITIONS = 256;
const FORM = 1;

export interface LogFiles {
  readonly id: string;
  readonly partitionCount: number;
  readonly root: RootDatabase<Buffer, string>;
  readonly state: Database<Buffer, string>;
  readonly partitions: readonly Database<Buffer, number>[];
  readHead(): Head;
  readTail(): Tail;
}

/** Versioned, so that a change can be made conditional on nothing else having changed. */
export interface Head {
  version: number;
  nextOffsets: number[];
  appendedBytes: number[];
}

export interface Tail {
  version: number;
  startOffsets: number[];
  droppedBytes: number[];
  releasedOffsets: number[];
}

export interface OpenLogFilesOptions {
  /** Number of partitions; must equal the log's own when it exists. Default: the log's own, or 2. */
  partitions?: number | undefined;
  readOnly?: boolean | undefined;
  /** Address space to reserve, bytes. The file grows only as it is filled; LMDB enlarges the map when it must. */
  mapBytes: number;
}

export function openLogFiles(directory: string, options: OpenLogFilesOptions): LogFiles {
  const { partitions, readOnly = false } = options;
  if (
    partitions !== undefined &&
    !(Number.isInteger(partitions) && partitions >= 1 && partitions <= MAX_PARTITIONS)
  ) {
    throw new RangeError(`the number of partitions must be from 1 to ${MAX_PARTITIONS}, not ${partitions}`);
  }
  if (readOnly && !existsSync(join(directory, 'data.mdb'))) {
    throw new Error(`there is no event log in ${directory}`);
  }
  const root = open<Buffer, string>({
    path: directory,
    noSubdir: false,
    encoding: 'binary',
    maxDbs: MAX_PARTITIONS + 4,
    mapSize: options.mapBytes,
    overlappingSync: false,
    // Appends are gathered here. lmdb's own gathering leaves a promise behind that nobody can await, so that a full disk
    // would be an unhandled rejection.
    eventTurnBatching: false,
    readOnly,
  });
  try {
    return readLogFiles(root, directory, partitions, readOnly);
  } catch (error) {
    void root.close();
    throw error;
  }
}

function readLogFiles(
  root: RootDatabase<Buffer, string>,
  directory: string,
  partitions: number | undefined,
  readOnly: boolean,
): LogFiles {
  const state = openDatabase(root, 'state', true);
  if (!readOnly) {
    root.transactionSync(() => {
      if (state.get('log') === undefined) createLog(state, partitions ?? DEFAULT_PARTITIONS);
    });
  }
  const identity = readIdentity(state.get('log'), directory);
  const partitionCount = identity.partitions;
  if (partitions !== undefined && partitions !== partitionCount) {
    throw new Error(
      `the event log in ${directory} has ${partitionCount} partitions, fixed when it was created; it cannot be opened with ${partitions}`,
    );
  }
  const databases: Database<Buffer, number>[] = [];
  for (let p = 0; p < partitionCount; p++) databases.push(openDatabase<number>(root, `p${p}`, false));
  return {
    id: identity.id,
    partitionCount,
    root,
    state,
    partitions: databases,
    readHead() {
      root.resetReadTxn();
      const entry = state.getEntry('head')!;
      const [nextOffsets, appendedBytes] = readColumns(entry.value, 2) as [number[], number[]];
      return { version: entry.version!, nextOffsets, appendedBytes };
    },
    readTail() {
      root.resetReadTxn();
      const entry = state.getEntry('tail')!;
      const [startOffsets, droppedBytes, releasedOffsets] = readColumns(entry.value, 3) as [
        number[],
        number[],
        number[],
      ];
      return { version: entry.version!, startOffsets, droppedBytes, releasedOffsets };
    },
  };
}

export function encodeHead(head: Head): Buffer {
  return writeColumns([head.nextOffsets, head.appendedBytes]);
}

export function encodeTail(tail: Tail): Buffer {
  return writeColumns([tail.startOffsets, tail.droppedBytes, tail.releasedOffsets]);
}

/**
 * Waits for an LMDB write; a conditional one resolves with false when its condition did not hold.
 * lmdb reports the cause of a failed commit in a second promise; this brings the two together.
 */
export async function written<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    const cause = (error as { commitError?: Promise<never> }).commitError;
    if (cause === undefined) throw error;
    // The cause is rejected in the same turn; should it never be, the outer error will do.
    const reason: unknown = await Promise.race([
      cause.catch((inner: unknown) => inner),
      new Promise((resolve) => setImmediate(resolve, error)),
    ]);
    throw reason instanceof Error ? reason : error;
  }
}

function openDatabase<K extends string | number = string>(
  root: RootDatabase<Buffer, string>,
  name: string,
  useVersions: boolean,
): Database<Buffer, K> {
  // lmdb answers undefined for a database that a read-only process cannot create.
  const database = root.openDB<Buffer, K>(name, { encoding: 'binary', useVersions }) as
    Database<Buffer, K> | undefined;
  if (database === undefined) throw new Error(`the event log has no database named ${name}`);
  return database;
}

function createLog(state: Database<Buffer, string>, partitions: number): void {
  const zeros = new Array<number>(partitions).fill(0);
  state.putSync('log', Buffer.from(JSON.stringify({ form: FORM, id: randomUUID(), partitions })), 1);
  state.putSync('head', writeColumns([zeros, zeros]), 1);
  state.putSync('tail', writeColumns([zeros, zeros, zeros]), 1);
}

function readIdentity(bytes: Buffer | undefined, directory: string): { id: string; partitions: number } {
  if (bytes === undefined) throw new Error(`there is no event log in ${directory}`);
  const identity = JSON.parse(bytes.toString()) as { form: number; id: string; partitions: number };
  if (identity.form !== FORM) {
    throw new Error(
      `the event log in ${directory} has form ${identity.form}; this version reads form ${FORM}`,
    );
  }
  return identity;
}

function writeColumns(columns: readonly (readonly number[])[]): Buffer {
  const rows = columns[0]!.length;
  const bytes = Buffer.alloc(rows * columns.length * 8);
  columns.forEach((column, c) => {
    column.forEach((value, row) => bytes.writeDoubleLE(value, (row * columns.length + c) * 8));
  });
  return bytes;
}

function readColumns(bytes: Buffer, count: number): number[][] {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const columns = Array.from({ length: count }, () => [] as number[]);
  for (let at = 0, i = 0; at < source.length; at += 8, i++) columns[i % count]!.push(source.readDoubleLE(at));
  return columns;
}
