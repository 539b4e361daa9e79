import type { Fault } from '@sluice/contracts';
import type { EventLog } from '@sluice/event-log';
import { createProjectStore } from '@sluice/service-kit';
import type pg from 'pg';
import { replayRecord, type StoredLetter } from './replay-record.js';

export interface ReplayOptions {
  pool: pg.Pool;
  log: EventLog;
  /** Which letters; all that were not replayed yet by default. */
  filter?: {
    ids?: readonly number[];
    code?: string;
    /** A project's name. */
    project?: string;
  };
  /** Only says what would become of them. Default false. */
  dryRun?: boolean;
}

export interface ReplayReport {
  dryRun: boolean;
  /** Letters that the filter found and that were not replayed before. */
  matched: number;
  /** Letters put back into the event log, or that would be. */
  replayed: number;
  /** Letters that are not acceptable yet, with the reason; they stay as they are. */
  refused: number;
  /** The first of these. */
  refusals: { id: number; code: string; field: string | null; message: string }[];
}

const LETTERS_PER_STEP = 200;
const REFUSALS_SHOWN = 50;

/**
 * Puts dead letters back into the event log, after what was wrong with them has been put right. Each is checked first as
 * the gateway would. A letter is marked once the log has it durably; ended between the two, the next replay puts it in
 * again and the message's id keeps it from landing twice. Replays may run side by side.
 */
export async function replayDeadLetters(options: ReplayOptions): Promise<ReplayReport> {
  const { pool, dryRun = false } = options;
  const report: ReplayReport = { dryRun, matched: 0, replayed: 0, refused: 0, refusals: [] };
  const projects = createProjectStore({ pool });
  let after = 0;
  for (;;) {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const letters = await readLetters(client, options, after);
      const last = letters.at(-1);
      if (last === undefined) {
        await client.query('rollback');
        client.release();
        return report;
      }
      after = last.deadLetterId;
      report.matched += letters.length;
      await replayStep(client, options, letters, report, (id) => projects.get(id));
      await client.query('commit');
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

async function replayStep(
  client: pg.PoolClient,
  { log, dryRun = false }: ReplayOptions,
  letters: readonly StoredLetter[],
  report: ReplayReport,
  projectOf: (projectId: number) => ReturnType<ReturnType<typeof createProjectStore>['get']>,
): Promise<void> {
  const records = [];
  const ids: number[] = [];
  for (const letter of letters) {
    const project = letter.projectId === null ? undefined : await projectOf(letter.projectId);
    const replay = replayRecord(letter, project, log.partitionCount);
    if (replay.ok) {
      records.push(replay.record);
      ids.push(letter.deadLetterId);
    } else {
      noteRefusal(report, letter.deadLetterId, replay.fault);
    }
  }
  report.replayed += ids.length;
  if (dryRun || ids.length === 0) return;
  await log.append(records);
  await client.query('update dead_letters set replayed_at = now() where dead_letter_id = any ($1)', [ids]);
}

function noteRefusal(report: ReplayReport, id: number, { code, message, field }: Fault): void {
  report.refused += 1;
  if (report.refusals.length < REFUSALS_SHOWN)
    report.refusals.push({ id, code, field: field ?? null, message });
}

async function readLetters(
  client: pg.PoolClient,
  { filter = {}, dryRun = false }: ReplayOptions,
  after: number,
): Promise<StoredLetter[]> {
  const found = await client.query<{
    dead_letter_id: number | string;
    project_id: number | null;
    partition: number;
    record_index: number;
    received_at: Date | null;
    headers: Record<string, string>;
    bytes: Buffer;
  }>(
    `select d.dead_letter_id, d.project_id, d."partition", d.record_index, d.received_at, d.headers, d.bytes
     from dead_letters d
     where d.replayed_at is null and d.dead_letter_id > $1
       and ($2::bigint[] is null or d.dead_letter_id = any ($2))
       and ($3::text is null or d.code = $3)
       and ($4::text is null or d.project_id = (select p.project_id from projects p where p.name = $4))
     order by d.dead_letter_id limit ${LETTERS_PER_STEP} ${dryRun ? '' : 'for update skip locked'}`,
    [after, filter.ids ?? null, filter.code ?? null, filter.project ?? null],
  );
  return found.rows.map((row) => ({
    deadLetterId: Number(row.dead_letter_id),
    projectId: row.project_id,
    partition: row.partition,
    recordIndex: row.record_index,
    receivedAtMs: row.received_at === null ? null : row.received_at.getTime(),
    headers: row.headers,
    bytes: row.bytes,
  }));
}
