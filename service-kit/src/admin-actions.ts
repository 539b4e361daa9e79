import type { AdminActionName } from '@sluice/contracts';
import { createHash } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type pg from 'pg';

/** Who did something: an admin key, somebody at a command line, or a service by itself. */
export interface AdminActor {
  kind: 'key' | 'command' | 'service';
  /** Id of the key, `user@host`, or the name of the service. */
  id: string;
  /** Address of the client. */
  address?: string | undefined;
  requestId?: string | undefined;
}

export interface AdminActionRecord {
  by: AdminActor;
  action: AdminActionName;
  /** What it was done to: a name or an id. Never a secret, and nothing that an erasure must find. */
  target: string;
  /** Null or left out: of the whole installation. */
  projectId?: number | null | undefined;
  /** What it was before and is afterwards. Only their digests are kept, so they may hold secrets. Undefined or null: nothing. */
  before?: unknown;
  after?: unknown;
  /** What else there is to tell, in the clear: never a secret. */
  details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Notes what an administrator does, in the transaction that does it: so neither is there without the other. What is noted
 * stays for good; the database refuses to change it.
 * @param client A client on which a transaction is open; a pool would note it in another one.
 * @returns The id of the note.
 */
export async function recordAdminAction(client: pg.ClientBase, record: AdminActionRecord): Promise<number> {
  const { by, action, target, projectId = null, before, after, details = {} } = record;
  const result = await client.query<{ action_id: number }>(
    `insert into admin_actions
       (project_id, actor_kind, actor, action, target, before_digest, after_digest, details, address, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning action_id`,
    [
      projectId,
      by.kind,
      by.id,
      action,
      target,
      digestOf(before),
      digestOf(after),
      JSON.stringify(details),
      by.address ?? null,
      by.requestId ?? null,
    ],
  );
  return result.rows[0]!.action_id;
}

/** Who runs a command: the user of this process and the machine. */
export function commandActor(): AdminActor {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    // A user without a name, as in many containers.
    user = String(process.getuid?.() ?? 'unknown');
  }
  return { kind: 'command', id: `${user}@${hostname()}` };
}

/** SHA-256 of a value as JSON with its keys in order, so that equal values have equal digests; null for nothing. */
export function digestOf(value: unknown): Buffer | null {
  if (value === undefined || value === null) return null;
  // What has a form of its own in JSON, as a date does, is compared in that form.
  const plain: unknown = JSON.parse(JSON.stringify(value));
  return createHash('sha256')
    .update(JSON.stringify(sorted(plain)))
    .digest();
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
