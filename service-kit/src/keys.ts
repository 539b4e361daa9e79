import { SluiceError } from '@sluice/contracts';
import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { commandActor, recordAdminAction, type AdminActor } from './admin-actions.js';
import { inTransaction } from './in-transaction.js';
import { PROJECT_COLUMNS, projectFromRow, type ProjectSettings } from './projects.js';

export type KeyKind = 'write' | 'read' | 'admin';

/** Whom a key belongs to and what it opens. */
export interface KeyOwner {
  keyId: number;
  kind: KeyKind;
  revoked: boolean;
  /** Origins that may use it from a browser; empty means every origin. */
  allowedOrigins: readonly string[];
  /** Rows that may be read in an hour for its questions; null: the server's default. */
  rowsPerHour: number | null;
  project: ProjectSettings;
}

export interface KeyStore {
  /** The owner as far as it is known without asking the database, or undefined: then `find` must be asked. */
  findCached(key: string): KeyOwner | null | undefined;
  /**
   * The owner of a key; null when nobody has it. A change (revocation, settings) is seen within `ttlMs`. While Postgres
   * does not answer, keys seen before keep working.
   * @throws SluiceError store_unavailable when the key was never seen and Postgres does not answer.
   */
  find(key: string): Promise<KeyOwner | null>;
}

export interface KeyStoreOptions {
  pool: pg.Pool;
  /** How old a cached answer may be, milliseconds. Default 5,000. */
  ttlMs?: number;
  /** Cached keys at most, known and unknown ones each. Default 10,000. */
  maxEntries?: number;
  now?: () => number;
}

interface Entry {
  owner: KeyOwner | null;
  readAtMs: number;
}

/** Looks keys up by their hash and remembers the answers. */
export function createKeyStore(options: KeyStoreOptions): KeyStore {
  const { pool, ttlMs = 5_000, maxEntries = 10_000, now = Date.now } = options;
  const known = new Map<string, Entry>();
  // Kept apart, so that a flood of made-up keys cannot push the real ones out.
  const unknown = new Map<string, Entry>();
  const asking = new Map<string, Promise<KeyOwner | null>>();

  function remember(key: string, owner: KeyOwner | null): void {
    const entry = { owner, readAtMs: now() };
    const [into, outOf] = owner === null ? [unknown, known] : [known, unknown];
    outOf.delete(key);
    into.delete(key);
    into.set(key, entry);
    if (into.size > maxEntries) into.delete(into.keys().next().value!);
  }

  function fresh(key: string): Entry | undefined {
    const entry = known.get(key) ?? unknown.get(key);
    return entry !== undefined && now() - entry.readAtMs < ttlMs ? entry : undefined;
  }

  async function ask(key: string): Promise<KeyOwner | null> {
    try {
      const owner = await readOwner(pool, key);
      remember(key, owner);
      return owner;
    } catch (error) {
      const stale = known.get(key);
      if (stale !== undefined) return stale.owner;
      throw new SluiceError('store_unavailable', {
        message: 'The key could not be checked.',
        retryAfterSeconds: 2,
        cause: error,
      });
    }
  }

  return {
    findCached: (key) => fresh(key)?.owner,
    async find(key) {
      const entry = fresh(key);
      if (entry !== undefined) return entry.owner;
      let answer = asking.get(key);
      if (answer === undefined) {
        answer = ask(key).finally(() => asking.delete(key));
        asking.set(key, answer);
      }
      return answer;
    },
  };
}

interface OwnerRow {
  key_id: number;
  kind: KeyKind;
  revoked: boolean;
  allowed_origins: string[];
  rows_per_hour: number | string | null;
  project_id: number;
  name: string;
  timezone: string;
  ip_policy: ProjectSettings['ipPolicy'];
  plan_mode: ProjectSettings['planMode'];
  tracking_plan: ProjectSettings['trackingPlan'];
}

async function readOwner(pool: pg.Pool, key: string): Promise<KeyOwner | null> {
  const result = await pool.query<OwnerRow>(
    `select k.key_id, k.kind, k.revoked_at is not null as revoked, k.allowed_origins, k.rows_per_hour,
       ${PROJECT_COLUMNS}
     from api_keys k join projects p using (project_id)
     where k.key_hash = $1`,
    [hashKey(key)],
  );
  const row = result.rows[0];
  if (row === undefined) return null;
  return {
    keyId: row.key_id,
    kind: row.kind,
    revoked: row.revoked,
    allowedOrigins: row.allowed_origins,
    rowsPerHour: row.rows_per_hour === null ? null : Number(row.rows_per_hour),
    project: projectFromRow(row),
  };
}

/** Keys carry 192 random bits, so a plain hash is enough to keep a stolen table from opening anything. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

export interface NewKey {
  keyId: number;
  /** Shown once: only its hash is stored. */
  key: string;
}

/**
 * Makes a key for a project, and notes who did; `key` sets its text, for projects whose clients already have one. `by` is
 * left out by commands.
 */
export async function createKey(
  pool: pg.Pool,
  options: {
    projectId: number;
    kind: KeyKind;
    allowedOrigins?: readonly string[];
    key?: string;
    /** Default: the server's. */
    rowsPerHour?: number | undefined;
    by?: AdminActor;
  },
): Promise<NewKey> {
  const { projectId, kind, allowedOrigins = [], rowsPerHour = null, by = commandActor() } = options;
  const prefix = { write: 'wk', read: 'rk', admin: 'ak' }[kind];
  const key = options.key ?? `${prefix}_${randomBytes(24).toString('base64url')}`;
  return inTransaction(pool, async (client) => {
    const result = await client.query<{ key_id: number }>(
      `insert into api_keys (project_id, kind, key_hash, key_hint, allowed_origins, rows_per_hour)
       values ($1, $2, $3, $4, $5, $6) returning key_id`,
      [projectId, kind, hashKey(key), `${key.slice(0, 6)}…`, allowedOrigins, rowsPerHour],
    );
    const keyId = result.rows[0]!.key_id;
    const details = { kind, allowed_origins: allowedOrigins, rows_per_hour: rowsPerHour };
    await recordAdminAction(client, {
      by,
      action: 'key.create',
      target: String(keyId),
      projectId,
      after: { ...details, revoked: false },
      details,
    });
    return { keyId, key };
  });
}

/**
 * Revokes a key for good, and notes who did. Resolves with false when there is no such key or it was revoked before.
 */
export async function revokeKey(
  pool: pg.Pool,
  keyId: number,
  by: AdminActor = commandActor(),
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const result = await client.query<{
      project_id: number;
      kind: KeyKind;
      allowed_origins: string[];
      rows_per_hour: number | null;
    }>(
      `update api_keys set revoked_at = now() where key_id = $1 and revoked_at is null
       returning project_id, kind, allowed_origins, rows_per_hour`,
      [keyId],
    );
    const row = result.rows[0];
    if (row === undefined) return false;
    const { project_id: projectId, ...key } = row;
    await recordAdminAction(client, {
      by,
      action: 'key.revoke',
      target: String(keyId),
      projectId,
      before: { ...key, revoked: false },
      after: { ...key, revoked: true },
    });
    return true;
  });
}

export interface KeyListing {
  keyId: number;
  project: string;
  kind: KeyKind;
  hint: string;
  allowedOrigins: string[];
  createdAt: Date;
  revokedAt: Date | null;
}

export async function listKeys(pool: pg.Pool): Promise<KeyListing[]> {
  const result = await pool.query<{
    key_id: number;
    project: string;
    kind: KeyKind;
    key_hint: string;
    allowed_origins: string[];
    created_at: Date;
    revoked_at: Date | null;
  }>(
    `select k.key_id, p.name as project, k.kind, k.key_hint, k.allowed_origins, k.created_at, k.revoked_at
     from api_keys k join projects p using (project_id) order by k.key_id`,
  );
  return result.rows.map((row) => ({
    keyId: row.key_id,
    project: row.project,
    kind: row.kind,
    hint: row.key_hint,
    allowedOrigins: row.allowed_origins,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  }));
}
