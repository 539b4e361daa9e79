import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const profileRow = z.object({
  user_id: z.string(),
  first_seen: z.date(),
  last_seen: z.date(),
  events: z.int(),
  counts: z.record(z.string(), z.number()),
  revenue: z.record(z.string(), z.string()),
  traits: z.record(z.string(), z.unknown()),
});

/** The profile of the person that an id belongs to by now: a user id, an anonymous id, or an id that was merged away. */
export function askProfile(projectId: number, id: string): PostgresQuestion<z.infer<typeof profileRow>> {
  return {
    name: 'profile',
    sql: `
      select u.user_id, u.first_seen, u.last_seen, u.events, u.counts, u.traits,
        (select coalesce(json_object_agg(key, value), '{}') from jsonb_each_text(u.revenue)) as revenue
      from users u
      where u.project_id = $1 and u.user_id = coalesce(
        (select i.user_id from identities i where i.project_id = $1 and i.previous_id = $2), $2)`,
    params: [projectId, id],
    row: profileRow,
  };
}

const foundRow = profileRow.pick({
  user_id: true,
  first_seen: true,
  last_seen: true,
  events: true,
  traits: true,
});

/**
 * People by their ids, behind an id; with a search those whose id, email or name begins with it, whatever the case. The
 * indexes are over exactly these expressions.
 */
export function askUsers(
  projectId: number,
  { search, after, limit }: { search: string | undefined; after: string | undefined; limit: number },
): PostgresQuestion<z.infer<typeof foundRow>> {
  const found = `
        and (lower(user_id) like lower($4)
          or (traits ->> 'email' is not null and lower(traits ->> 'email') like lower($4))
          or (traits ->> 'name' is not null and lower(traits ->> 'name') like lower($4)))`;
  return {
    name: 'users',
    sql: `
      select user_id, first_seen, last_seen, events, traits from users
      where project_id = $1 and ($2::text is null or user_id > $2)${search === undefined ? '' : found}
      order by user_id limit $3`,
    params: [
      projectId,
      after ?? null,
      limit,
      ...(search === undefined ? [] : [`${search.replaceAll(/[\\%_]/g, '\\$&')}%`]),
    ],
    row: foundRow,
  };
}

const identityRow = z.object({ previous_id: z.string(), merged_at: z.date() });

/** The ids that were merged into a user id, oldest merge first. */
export function askMergedIds(
  projectId: number,
  userId: string,
  limit: number,
): PostgresQuestion<z.infer<typeof identityRow>> {
  return {
    name: 'merged-ids',
    sql: `
      select previous_id, merged_at from identities
      where project_id = $1 and user_id = $2 order by merged_at, previous_id limit $3`,
    params: [projectId, userId, limit],
    row: identityRow,
  };
}
