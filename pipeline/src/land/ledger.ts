import type pg from 'pg';
import type { LogPartition } from './land-batch.js';
import type { LeftOut } from './leave-out-erased.js';
import type { Duplicate, PreparedBatch, PreparedMessage } from './prepare-batch.js';
import type { DeadLetter } from '../decode/decode-record.js';

interface LedgerEntry {
  project_id: number;
  minute: number;
  logged: number;
  landed: number;
  duplicates: number;
  dead_lettered: number;
  rejected: number;
  erased: number;
}

type Count = 'logged' | 'landed' | 'duplicates' | 'dead_lettered' | 'rejected' | 'erased';

const MINUTE_MS = 60_000;

export interface Outcome {
  accounts: PreparedBatch['accounts'];
  landed: readonly PreparedMessage[];
  duplicates: readonly Duplicate[];
  deadLetters: readonly DeadLetter[];
  erased: readonly LeftOut[];
}

/** What became of every message of a range, by project and minute of receipt. */
export function balance(outcome: Outcome): LedgerEntry[] {
  const entries = new Map<string, LedgerEntry>();
  // Neighbours are of one project and minute, nearly always.
  let last: LedgerEntry | undefined;
  const count = (projectId: number, receivedAtMs: number, name: Count, by: number): void => {
    const minute = Math.floor(receivedAtMs / MINUTE_MS) * MINUTE_MS;
    if (last?.minute === minute && last.project_id === projectId) {
      last[name] += by;
      return;
    }
    const key = `${projectId}:${minute}`;
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = {
        project_id: projectId,
        minute,
        logged: 0,
        landed: 0,
        duplicates: 0,
        dead_lettered: 0,
        rejected: 0,
        erased: 0,
      };
      entries.set(key, entry);
    }
    entry[name] += by;
    last = entry;
  };
  for (const account of outcome.accounts) {
    count(account.projectId, account.receivedAtMs, 'logged', account.logged);
    count(account.projectId, account.receivedAtMs, 'rejected', account.rejected);
  }
  for (const message of outcome.landed) count(message.projectId, message.receivedAtMs, 'landed', 1);
  for (const again of outcome.duplicates) count(again.projectId, again.receivedAtMs, 'duplicates', 1);
  for (const gone of outcome.erased) count(gone.projectId, gone.receivedAtMs, 'erased', 1);
  for (const letter of outcome.deadLetters) {
    if (letter.projectId !== null && letter.receivedAtMs !== null) {
      count(letter.projectId, letter.receivedAtMs, 'dead_lettered', letter.accepted);
    }
  }
  return [...entries.values()];
}

export async function writeLedger(client: pg.ClientBase, of: LogPartition, outcome: Outcome): Promise<void> {
  const entries = balance(outcome);
  if (entries.length === 0) return;
  await client.query({
    name: 'write-ledger',
    text: `insert into ledger as l (project_id, minute, log_id, "partition", logged, landed, duplicates, dead_lettered, rejected, erased)
           select project_id, to_timestamp(minute / 1000.0), $1, $2, logged, landed, duplicates, dead_lettered, rejected, erased
           from json_to_recordset($3) as x (project_id int, minute bigint, logged bigint, landed bigint,
             duplicates bigint, dead_lettered bigint, rejected bigint, erased bigint)
           on conflict (project_id, minute, log_id, "partition") do update set
             logged = l.logged + excluded.logged,
             landed = l.landed + excluded.landed,
             duplicates = l.duplicates + excluded.duplicates,
             dead_lettered = l.dead_lettered + excluded.dead_lettered,
             rejected = l.rejected + excluded.rejected,
             erased = l.erased + excluded.erased`,
    values: [of.logId, of.partition, JSON.stringify(entries)],
  });
}

/** Keeps which message was sent again, for receipts. */
export async function writeDuplicates(
  client: pg.ClientBase,
  of: LogPartition,
  duplicates: readonly Duplicate[],
): Promise<void> {
  if (duplicates.length === 0) return;
  await client.query({
    name: 'write-duplicates',
    text: `insert into duplicates (project_id, event_id, message_id, log_id, "partition", log_offset, received_at)
           select project_id, event_id, message_id, $1, $2, log_offset, to_timestamp(received_at / 1000.0)
           from json_to_recordset($3) as x (project_id int, event_id uuid, message_id text, log_offset bigint,
             received_at bigint)`,
    values: [
      of.logId,
      of.partition,
      JSON.stringify(
        duplicates.map((again) => ({
          project_id: again.projectId,
          event_id: again.eventId,
          message_id: again.messageId,
          log_offset: again.offset,
          received_at: again.receivedAtMs,
        })),
      ),
    ],
  });
}
