import type pg from 'pg';
import type { IpPolicy } from '../enrich/ip-policy.js';
import { copyRows } from './copy-rows.js';
import { writeDeadLetters } from './dead-letters.js';
import { assignSessions, readDevices, writeDevices, type DayOfProject, type NewRow } from './devices.js';
import { isUniqueViolation, StaleOwnerError } from './failures.js';
import { findExisting } from './find-existing.js';
import type { IdentityChange } from './identities.js';
import { leaveOutErased } from './leave-out-erased.js';
import type { KnownIdsPolicy } from './known-ids.js';
import { writeDuplicates, writeLedger } from './ledger.js';
import type { Duplicate, PreparedBatch, PreparedMessage } from './prepare-batch.js';
import { writeProfiles } from './profiles.js';
import type { OnStep } from './steps.js';
import { writeStreams } from './streams.js';

export interface LogPartition {
  logId: string;
  partition: number;
}

export interface OffsetRange extends LogPartition {
  from: number;
  /** The next offset after the range. */
  to: number;
  /** Everything accepted before this instant lies below `to`, milliseconds since the epoch; undefined when unknown. */
  completeThroughMs: number | undefined;
}

/** A batch that is landed and not yet rolled up. */
export interface LandedBatch {
  batchId: number;
  rows: number;
  /** Its rows for ClickHouse, in the order of batch_seq: a block of its Native format. */
  block: Buffer;
  identities: IdentityChange[];
  /** Microseconds since the epoch, as stored: part of what makes its token its own. */
  createdAtUs: string;
}

export interface Landing {
  /** Undefined when the range brought no new rows. */
  batch: LandedBatch | undefined;
  landed: number;
  duplicates: number;
  /** Messages of people who were erased, or older than what their project keeps. */
  erased: number;
  deadLetters: readonly { code: string }[];
}

export interface LandingRules {
  dayOf: DayOfProject;
  ipPolicyOf: (projectId: number) => IpPolicy;
  /** Default: it is always asked first which messages have landed before. */
  knownIds?: KnownIdsPolicy;
}

/**
 * Lands a range of the log in one transaction: all of it, or nothing.
 *
 * The order is the guarantee. The fence comes first: its row lock makes two owners of a partition follow each other, and
 * the second finds the offset moved and gives up. What must not come back of people who were erased is left out. Then the
 * ids that have landed before are looked up, unless there have been none lately, so that sessions, profiles and counts are
 * made from new rows only. The rows are written with plain COPY: the primary key is what decides, and when a row turns out
 * to be there already (nobody asked, or another partition landed it in between), the step is taken back and repeated with
 * that row known. Profiles come late, because their locks are shared with other partitions.
 *
 * @throws StaleOwnerError when the offset is not `from`; the database's error when it refuses a row or is unwell. Nothing
 * is written then.
 */
export async function landBatch(
  client: pg.ClientBase,
  range: OffsetRange,
  prepared: PreparedBatch,
  rules: LandingRules,
  onStep: OnStep = () => undefined,
): Promise<Landing> {
  await client.query(BEGIN);
  try {
    const landing = await landWithin(client, range, prepared, rules, onStep);
    await client.query('commit');
    await onStep('committed');
    return landing;
  } catch (error) {
    await rollBack(client);
    throw error;
  }
}

/** Whether the database would take these messages: lands them and takes everything back. */
export async function tryLanding(
  client: pg.ClientBase,
  range: OffsetRange,
  prepared: PreparedBatch,
  rules: LandingRules,
): Promise<void> {
  await client.query(BEGIN);
  try {
    await landWithin(client, range, prepared, { ...rules, knownIds: undefined }, () => undefined);
  } finally {
    await rollBack(client);
  }
}

/** A plan made for thousands of ids takes longer to make than to run; one made once for all of them is as good. */
const BEGIN = 'begin; set local plan_cache_mode = force_generic_plan; set local jit = off';

/** A connection that cannot roll back is broken: the database has rolled back, and the pool drops it. */
async function rollBack(client: pg.ClientBase): Promise<void> {
  try {
    await client.query('rollback');
  } catch {
    return;
  }
}

async function landWithin(
  client: pg.ClientBase,
  range: OffsetRange,
  whole: PreparedBatch,
  rules: LandingRules,
  onStep: OnStep,
): Promise<Landing> {
  await advance(client, range);
  await onStep('fenced');

  const { prepared, erased, arrived } = await leaveOutErased(client, whole);
  const written = await writeNewRows(client, prepared, rules);
  if (prepared.messages.length > 0) rules.knownIds?.note(written.duplicates.length);
  await onStep('rows-copied');

  const duplicates = [...prepared.duplicates, ...written.duplicates];
  const landed = written.rows.map((row) => row.prepared);
  await writeDeadLetters(client, range, prepared.deadLetters, rules.ipPolicyOf);
  await writeDuplicates(client, range, duplicates);
  await writeLedger(client, range, {
    accounts: prepared.accounts,
    landed,
    duplicates,
    deadLetters: prepared.deadLetters,
    erased,
  });
  await onStep('account-written');

  await writeDevices(client, written.devices);
  await writeStreams(client, range, { landed, arrived, letters: prepared.deadLetters });
  const identities = await writeProfiles(client, landed);
  await onStep('profiles-written');

  const batch =
    written.rows.length === 0
      ? undefined
      : await writeManifest(client, range, written.rows, identities, prepared);
  await onStep('manifest-written');
  return {
    batch,
    landed: landed.length,
    duplicates: duplicates.length,
    erased: erased.length,
    deadLetters: prepared.deadLetters,
  };
}

/**
 * Takes the id of the next batch. It must be taken after the id of the batch before, or after that one was landed by
 * somebody else, and be forgotten when the batch before fails: then ids of a partition grow in the order of its batches,
 * whoever lands them. (An owner lands the batch behind another only if it has landed that one itself, under an id taken
 * earlier; and its first one under an id taken after the position was read, when everything below had its id.)
 */
export async function takeBatchId(pool: pg.Pool): Promise<number> {
  const taken = await pool.query<{ id: number | string }>({
    name: 'take-batch-id',
    text: `select nextval(pg_get_serial_sequence('batches', 'batch_id')) as id`,
  });
  return Number(taken.rows[0]!.id);
}

/** Moves the partition on, unless another owner has. */
async function advance(client: pg.ClientBase, range: OffsetRange): Promise<void> {
  const moved = await client.query({
    name: 'advance-offset',
    text: `update log_offsets
           set next_offset = $4, complete_through = greatest(complete_through, to_timestamp($5 / 1000.0))
           where log_id = $1 and "partition" = $2 and next_offset = $3`,
    values: [range.logId, range.partition, range.from, range.to, range.completeThroughMs ?? null],
  });
  if (moved.rowCount !== 1) throw new StaleOwnerError(range.partition, range.from);
}

const NONE: ReadonlySet<string> = new Set();

interface WrittenRows {
  rows: NewRow[];
  duplicates: Duplicate[];
  devices: ReturnType<typeof assignSessions>['devices'];
}

async function writeNewRows(
  client: pg.ClientBase,
  { messages, rawRows }: PreparedBatch,
  rules: LandingRules,
): Promise<WrittenRows> {
  if (messages.length === 0) return { rows: [], duplicates: [], devices: [] };
  let asks = rules.knownIds?.asksFirst ?? true;
  for (;;) {
    const existing = asks ? await findExisting(client, messages) : NONE;
    const isKnown = (message: PreparedMessage): boolean =>
      existing.has(`${message.projectId}:${message.eventId}`);
    const fresh = existing.size === 0 ? messages : messages.filter((message) => !isKnown(message));
    const duplicates = existing.size === 0 ? [] : messages.filter(isKnown);
    const { rows, devices } = assignSessions(fresh, await readDevices(client, fresh), rules.dayOf);
    if (rows.length === 0) return { rows, duplicates, devices };
    await client.query('savepoint rows');
    try {
      for (const [seq, { prepared, sessionId }] of rows.entries()) {
        rawRows.complete(prepared.rawRow.start, seq, sessionId);
      }
      await copyRows(
        client,
        rawRows,
        rows.map(({ prepared }) => prepared.rawRow),
      );
      return { rows, duplicates, devices };
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      // The row that was in the way is committed by now, so that the next look finds it.
      await client.query('rollback to savepoint rows');
      asks = true;
    }
  }
}

async function writeManifest(
  client: pg.ClientBase,
  range: OffsetRange,
  rows: readonly NewRow[],
  identities: IdentityChange[],
  { batchId, rollupRows }: PreparedBatch,
): Promise<LandedBatch> {
  const receivedFromMs = rows.reduce((least, row) => Math.min(least, row.prepared.receivedAtMs), Infinity);
  const written = await client.query<{ created_at_us: number | string }>({
    name: 'write-manifest',
    text: `insert into batches (batch_id, log_id, "partition", from_offset, to_offset, rows, project_rows, identities, received_from)
           overriding system value
           values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9 / 1000.0))
           returning (extract(epoch from created_at) * 1000000)::bigint as created_at_us`,
    values: [
      batchId,
      range.logId,
      range.partition,
      range.from,
      range.to,
      rows.length,
      JSON.stringify(countByProject(rows)),
      JSON.stringify(identities),
      receivedFromMs,
    ],
  });
  for (const { prepared, sessionId } of rows) rollupRows.setSession(prepared.rollupRow, sessionId);
  const isWhole = rows.length === rollupRows.rows;
  return {
    batchId,
    rows: rows.length,
    block: rollupRows.encode(isWhole ? undefined : Uint32Array.from(rows, (row) => row.prepared.rollupRow)),
    identities,
    createdAtUs: String(written.rows[0]!.created_at_us),
  };
}

function countByProject(rows: readonly NewRow[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { prepared } of rows) counts[prepared.projectId] = (counts[prepared.projectId] ?? 0) + 1;
  return counts;
}
