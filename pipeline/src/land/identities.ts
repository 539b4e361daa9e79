import type pg from 'pg';
import { applyClaims, type Claim, type IdentityMap } from './claims.js';
import { LOCKS } from './locks.js';

/** A change of an identity, as the manifest carries it to ClickHouse. */
export interface IdentityChange {
  projectId: number;
  previousId: string;
  userId: string;
  /** Grows with every change of the same previous id: microseconds since the epoch. */
  version: number;
}

export interface ProjectIdentities {
  identities: IdentityMap;
  /** Ids that became someone else's by this batch. */
  changed: Map<string, string>;
}

/**
 * Locks the profiles of a project and reads who is who among `ids`, after applying the claims. The lock is shared, so that
 * landings run side by side; it is exclusive when a claim says something new, until the transaction ends: no other landing
 * can then write a profile under an id that this one merges away.
 */
export async function settleIdentities(
  client: pg.ClientBase,
  projectId: number,
  ids: ReadonlySet<string>,
  claims: readonly Claim[],
): Promise<ProjectIdentities> {
  const exclusive = claims.length > 0 && (await saysSomethingNew(client, projectId, claims));
  await client.query({
    name: exclusive ? 'lock-profiles' : 'share-profiles',
    text: `select pg_advisory_xact_lock${exclusive ? '' : '_shared'}($1, $2)`,
    values: [LOCKS.PROFILES, projectId],
  });
  const named = new Set(ids);
  for (const claim of claims) named.add(claim.previousId).add(claim.userId);
  const identities = await readIdentities(client, projectId, [...named]);
  if (!exclusive) return { identities, changed: new Map() };
  const previous = [...new Set(claims.map((claim) => claim.previousId))];
  for (const [id, user] of await readFollowers(client, projectId, previous)) identities.set(id, user);
  return { identities, changed: applyClaims(identities, claims) };
}

async function saysSomethingNew(
  client: pg.ClientBase,
  projectId: number,
  claims: readonly Claim[],
): Promise<boolean> {
  const previous = [...new Set(claims.map((claim) => claim.previousId))];
  const known = await readIdentities(client, projectId, previous);
  return previous.some((id) => !known.has(id));
}

async function readIdentities(client: pg.ClientBase, projectId: number, ids: string[]): Promise<IdentityMap> {
  const found = await client.query<{ previous_id: string; user_id: string }>({
    name: 'read-identities',
    text: 'select previous_id, user_id from identities where project_id = $1 and previous_id = any ($2)',
    values: [projectId, ids],
  });
  return new Map(found.rows.map((row) => [row.previous_id, row.user_id]));
}

async function readFollowers(client: pg.ClientBase, projectId: number, ids: string[]): Promise<IdentityMap> {
  const found = await client.query<{ previous_id: string; user_id: string }>({
    name: 'read-followers',
    text: 'select previous_id, user_id from identities where project_id = $1 and user_id = any ($2)',
    values: [projectId, ids],
  });
  return new Map(found.rows.map((row) => [row.previous_id, row.user_id]));
}

/** Stores changed identities; the version comes from the clock after the lock, and never falls behind the one before. */
export async function writeIdentities(
  client: pg.ClientBase,
  projectId: number,
  changed: ReadonlyMap<string, string>,
): Promise<IdentityChange[]> {
  if (changed.size === 0) return [];
  const stored = await client.query<{ previous_id: string; user_id: string; version: string }>({
    name: 'write-identities',
    text: `insert into identities as i (project_id, previous_id, user_id, merged_at)
           select $1, previous_id, user_id, clock_timestamp()
           from unnest($2::text[], $3::text[]) as x (previous_id, user_id)
           on conflict (project_id, previous_id) do update
           set user_id = excluded.user_id,
               merged_at = greatest(clock_timestamp(), i.merged_at + interval '1 microsecond')
           returning previous_id, user_id, ${VERSION_SQL} as version`,
    values: [projectId, [...changed.keys()], [...changed.values()]],
  });
  return stored.rows.map((row) => ({
    projectId,
    previousId: row.previous_id,
    userId: row.user_id,
    version: Number(row.version),
  }));
}

/** The version of a row of `identities`. */
export const VERSION_SQL = '(extract(epoch from merged_at) * 1000000)::bigint';
