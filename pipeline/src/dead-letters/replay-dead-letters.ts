import type { Fault } from '@sluice/contracts';
import type { EventLog } from '@sluice/event-log';
import { createProjectStore } from '@sluice/service-kit';
import type pg from 'pg';
import { eventOf } from './letter-event.js';
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
    /** Name of a track event, as the letter's own text says. */
    event?: string;
    /** When they became letters, ISO 8601: from this instant, and before that one. */
    from?: string;
    to?: string;
  };
  /** Called after every step. */
  onProgress?: (report: Pick<ReplayReport, 'matched' | 'replayed' | 'refused'>) => void;
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
  /** What became of each, or would: the first of all. */
  letters: LetterOutcome[];
}

export interface LetterOutcome {
  id: number;
  outcome: 'accepted' | 'rejected';
  event: string | null;
  /** Why it is still rejected. */
  code: string | null;
  field: string | null;
}

const LETTERS_PER_STEP = 200;
const REFUSALS_SHOWN = 50;
const LETTERS_SHOWN = 1_000;

/**
 * Puts dead letters back into the event log, after what was wrong with them has been put right. Each is checked first as
 * the gateway would. A letter is marked once the log has it durably; ended between the two, the next replay puts it in
 * again and the message's id keeps it from landing twice. Replays may run side by side.
 */
export async function replayDeadLetters(options: ReplayOptions): Promise<ReplayReport> {
  const { pool, dryRun = false } = options;
  const report: ReplayReport = { dryRun, matched: 0, replayed: 0, refused: 0, refusals: [], letters: [] };
  const projects = createProjectStore({ pool });
  let after = 0;
  for (;;) {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const found = await readLetters(client, options, after);
      const last = found.at(-1);
      if (last === undefined) {
        await client.query('rollback');
        client.release();
        return report;
      }
      after = last.deadLetterId;
      const letters = found.filter((letter) => isOfEvent(letter, options.filter?.event));
      report.matched += letters.length;
      await replayStep(client, options, letters, report, (id) => projects.get(id));
      await client.query('commit');
      client.release();
      options.onProgress?.(report);
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
      noteLetter(report, letter, undefined);
    } else {
      noteLetter(report, letter, replay.fault);
      noteRefusal(report, letter.deadLetterId, replay.fault);
    }
  }
  report.replayed += ids.length;
  if (dryRun || ids.length === 0) return;
  await log.append(records);
  await client.query('update dead_letters set replayed_at = now() where dead_letter_id = any ($1)', [ids]);
}

function noteLetter(report: ReplayReport, letter: StoredLetter, still: Fault | undefined): void {
  if (report.letters.length >= LETTERS_SHOWN) return;
  report.letters.push({
    id: letter.deadLetterId,
    outcome: still === undefined ? 'accepted' : 'rejected',
    event: eventOf(letter.bytes) ?? null,
    code: still?.code ?? null,
    field: still?.field ?? null,
  });
}

function isOfEvent({ bytes }: StoredLetter, event: string | undefined): boolean {
  return event === undefined || eventOf(bytes) === event;
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
       and ($5::timestamptz is null or d.created_at >= $5) and ($6::timestamptz is null or d.created_at < $6)
     order by d.dead_letter_id limit ${LETTERS_PER_STEP} ${dryRun ? '' : 'for update skip locked'}`,
    [
      after,
      filter.ids ?? null,
      filter.code ?? null,
      filter.project ?? null,
      filter.from ?? null,
      filter.to ?? null,
    ],
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
