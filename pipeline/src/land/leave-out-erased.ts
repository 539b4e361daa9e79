import type pg from 'pg';
import type { DeadLetter } from '../decode/decode-record.js';
import { idsNamedBy, timeNamedBy } from '../erase/names-in-letters.js';
import { hashId } from './id-hash.js';
import { LOCKS } from './locks.js';
import type { Duplicate, PreparedBatch, PreparedMessage } from './prepare-batch.js';

/** A message that is not landed, because nothing of its like is kept. */
export interface LeftOut {
  projectId: number;
  receivedAtMs: number;
}

export interface Kept {
  prepared: PreparedBatch;
  erased: LeftOut[];
  /** Of these, messages that come for the first time: they were sent, and are no gap in their stream. */
  arrived: PreparedMessage[];
}

interface Rules {
  /** Undefined: nobody of the project was ever erased. */
  key: Buffer | undefined;
  /** Messages that happened before it are not kept, milliseconds since the epoch; undefined: all are. */
  keptFromMs: number | undefined;
}

/** Whether somebody of this id was erased, and what they did up to when: Infinity while the erasure runs. */
type ErasedUntil = (id: string) => number | undefined;

const DAY_MS = 86_400_000;

/**
 * Takes out of a batch what must not come back: messages that were deleted before, messages of people who were erased that
 * happened before the erasure was done (all of them while it runs), and messages older than what the project keeps. Dead
 * letters of such people go, too. The lock comes first and is held to the end of the transaction: an erasure waits for
 * landings that have looked, and landings that look after it find its marks.
 */
export async function leaveOutErased(
  client: pg.ClientBase,
  prepared: PreparedBatch,
  nowMs: number = Date.now(),
): Promise<Kept> {
  const projectIds = projectsOf(prepared);
  if (projectIds.length === 0) return { prepared, erased: [], arrived: [] };
  await client.query({
    name: 'share-people',
    text: 'select pg_advisory_xact_lock_shared($1, project_id) from unnest($2::int[]) as project_id',
    values: [LOCKS.PEOPLE, projectIds],
  });
  const rules = await readRules(client, projectIds, nowMs);
  let left: Kept = { prepared, erased: [], arrived: [] };
  for (const [projectId, rule] of rules) left = await leaveOut(client, left, projectId, rule);
  return left;
}

function projectsOf({ accounts, deadLetters }: PreparedBatch): number[] {
  const ids = new Set(accounts.map(({ projectId }) => projectId));
  for (const { projectId } of deadLetters) if (projectId !== null) ids.add(projectId);
  return [...ids].sort((a, b) => a - b);
}

async function readRules(
  client: pg.ClientBase,
  projectIds: readonly number[],
  nowMs: number,
): Promise<Map<number, Rules>> {
  const found = await client.query<{ project_id: number; key: Buffer | null; retention_days: number | null }>(
    {
      name: 'read-keeping-rules',
      text: `select project_id, k.key, p.retention_days from projects p left join erasure_keys k using (project_id)
           where project_id = any ($1) and (k.key is not null or p.retention_days is not null)`,
      values: [projectIds],
    },
  );
  return new Map(
    found.rows.map(({ project_id, key, retention_days: days }) => [
      project_id,
      { key: key ?? undefined, keptFromMs: days === null ? undefined : keptFrom(days, nowMs) },
    ]),
  );
}

/** The first instant that is kept: whole days of UTC go. */
export function keptFrom(days: number, nowMs: number): number {
  return Math.floor(nowMs / DAY_MS) * DAY_MS - days * DAY_MS;
}

async function leaveOut(
  client: pg.ClientBase,
  { prepared, erased, arrived }: Kept,
  projectId: number,
  { key, keptFromMs = -Infinity }: Rules,
): Promise<Kept> {
  const own = prepared.messages.filter((message) => message.projectId === projectId);
  const letters = prepared.deadLetters.filter((letter) => letter.projectId === projectId);
  const deleted = key === undefined ? NOTHING : await findDeleted(client, projectId, own);
  const erasedUntil =
    key === undefined ? () => undefined : await readErased(client, projectId, key, own, letters);
  const isErased = (message: PreparedMessage): boolean =>
    message.timestampMs < keptFromMs ||
    idsOf(message).some((id) => message.timestampMs <= (erasedUntil(id) ?? -Infinity));

  const gone = new Set<PreparedMessage>();
  const late: PreparedMessage[] = [];
  for (const message of own) {
    if (deleted.has(message.eventId)) gone.add(message);
    else if (isErased(message)) {
      gone.add(message);
      late.push(message);
    }
  }
  const goneLetters = new Set(letters.filter((letter) => isErasedLetter(letter, erasedUntil)));
  if (gone.size + goneLetters.size === 0) return { prepared, erased, arrived };
  if (key !== undefined) await noteDeleted(client, projectId, late);
  const goneIds = new Set([...gone].map(({ eventId }) => eventId));
  const again = prepared.duplicates.filter(
    (duplicate) => duplicate.projectId === projectId && goneIds.has(duplicate.eventId),
  );
  return {
    prepared: {
      ...prepared,
      messages: prepared.messages.filter((message) => !gone.has(message)),
      duplicates: without(prepared.duplicates, again),
      deadLetters: prepared.deadLetters.filter((letter) => !goneLetters.has(letter)),
    },
    erased: [...erased, ...gone, ...again, ...[...goneLetters].flatMap(acceptedIn)],
    arrived: [...arrived, ...late],
  };
}

const NOTHING: ReadonlySet<string> = new Set();

function without(all: readonly Duplicate[], some: readonly Duplicate[]): readonly Duplicate[] {
  if (some.length === 0) return all;
  const gone = new Set(some);
  return all.filter((duplicate) => !gone.has(duplicate));
}

/** Whose message it is, and with whom it says they are one. */
function idsOf({ userId, anonymousId, previousId }: PreparedMessage): string[] {
  const actor = userId ?? anonymousId;
  return [actor, previousId].filter((id) => id !== null);
}

/** A letter goes as a whole: by its own time, where it says one that can be read, or by that of its receipt. */
function isErasedLetter(letter: DeadLetter, erasedUntil: ErasedUntil): boolean {
  const atMs = Math.min(letter.receivedAtMs ?? -Infinity, timeNamedBy(letter.bytes) ?? Infinity);
  return idsNamedBy(letter.bytes).some((id) => atMs <= (erasedUntil(id) ?? -Infinity));
}

/** Messages that the gateway accepted and this letter accounts for. */
function acceptedIn({ projectId, receivedAtMs, accepted }: DeadLetter): LeftOut[] {
  if (projectId === null || receivedAtMs === null) return [];
  return Array.from({ length: accepted }, () => ({ projectId, receivedAtMs }));
}

async function findDeleted(
  client: pg.ClientBase,
  projectId: number,
  messages: readonly PreparedMessage[],
): Promise<ReadonlySet<string>> {
  if (messages.length === 0) return NOTHING;
  const found = await client.query<{ event_id: string }>({
    name: 'find-erased-events',
    text: 'select event_id from erased_events where project_id = $1 and event_id = any ($2::uuid[])',
    values: [projectId, messages.map(({ eventId }) => eventId)],
  });
  return new Set(found.rows.map(({ event_id }) => event_id));
}

async function noteDeleted(
  client: pg.ClientBase,
  projectId: number,
  messages: readonly PreparedMessage[],
): Promise<void> {
  if (messages.length === 0) return;
  await client.query({
    name: 'note-erased-events',
    text: `insert into erased_events (project_id, event_id) select $1, unnest($2::uuid[]) on conflict do nothing`,
    values: [projectId, messages.map(({ eventId }) => eventId)],
  });
}

async function readErased(
  client: pg.ClientBase,
  projectId: number,
  key: Buffer,
  messages: readonly PreparedMessage[],
  letters: readonly DeadLetter[],
): Promise<ErasedUntil> {
  const hashes = new Map<string, string>();
  const note = (id: string): void => {
    if (!hashes.has(id)) hashes.set(id, hashId(key, id).toString('hex'));
  };
  for (const message of messages) for (const id of idsOf(message)) note(id);
  for (const { bytes } of letters) for (const id of idsNamedBy(bytes)) note(id);
  if (hashes.size === 0) return () => undefined;
  const found = await client.query<{ id_hash: string; until: Date | null }>({
    name: 'find-erased-people',
    text: `select encode(id_hash, 'hex') as id_hash, until from erased_people
           where project_id = $1 and id_hash = any (select decode(hash, 'hex') from unnest($2::text[]) as hash)`,
    values: [projectId, [...hashes.values()]],
  });
  const untilMs = new Map(found.rows.map(({ id_hash, until }) => [id_hash, until?.getTime() ?? Infinity]));
  return (id) => untilMs.get(hashes.get(id) ?? '');
}
