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

/** The user id that `$2` belongs to by now. */
const CANONICAL_ID = `coalesce(
        (select m.user_id from identities m where m.project_id = $1 and m.previous_id = $2), $2)`;

/** The profile of the person that an id belongs to by now: a user id, an anonymous id, or an id that was merged away. */
export function askProfile(projectId: number, id: string): PostgresQuestion<z.infer<typeof profileRow>> {
  return {
    name: 'profile',
    sql: `
      select u.user_id, u.first_seen, u.last_seen, u.events, u.counts, u.traits,
        (select coalesce(json_object_agg(key, value), '{}') from jsonb_each_text(u.revenue)) as revenue
      from users u
      where u.project_id = $1 and u.user_id = ${CANONICAL_ID}`,
    params: [projectId, id],
    row: profileRow,
    isConstant: true,
  };
}

const identityRow = z.object({ previous_id: z.string(), merged_at: z.date() });

/** The ids that were merged into the person that an id belongs to, oldest merge first. */
export function askMergedIds(
  projectId: number,
  id: string,
  limit: number,
): PostgresQuestion<z.infer<typeof identityRow>> {
  return {
    name: 'merged-ids',
    sql: `
      select previous_id, merged_at from identities
      where project_id = $1 and user_id = ${CANONICAL_ID} order by merged_at, previous_id limit $3`,
    params: [projectId, id, limit],
    row: identityRow,
    isConstant: true,
  };
}

const knownIdRow = z.object({ user_id: z.string(), previous_id: z.string().nullable() });

/**
 * All ids of the person that an id belongs to: a row for each that was merged into the user id, or one row without. No row
 * when nobody has the id.
 */
export function askAllIds(
  projectId: number,
  id: string,
  limit: number,
): PostgresQuestion<z.infer<typeof knownIdRow>> {
  return {
    name: 'all-ids',
    sql: `
      select u.user_id, i.previous_id
      from users u left join identities i on i.project_id = u.project_id and i.user_id = u.user_id
      where u.project_id = $1 and u.user_id = ${CANONICAL_ID}
      order by i.merged_at, i.previous_id limit $3`,
    params: [projectId, id, limit],
    row: knownIdRow,
    isConstant: true,
  };
}

export const listedRow = profileRow.pick({
  user_id: true,
  first_seen: true,
  last_seen: true,
  events: true,
  traits: true,
});
export type ListedUser = z.infer<typeof listedRow>;
export const LISTED_COLUMNS = 'user_id, first_seen, last_seen, events, traits';

/** People by their ids, behind an id. */
export function askUsers(
  projectId: number,
  { after, limit }: { after: string | undefined; limit: number },
): PostgresQuestion<ListedUser> {
  return {
    name: 'users',
    sql: `
      select ${LISTED_COLUMNS} from users
      where project_id = $1 and user_id > $2
      order by user_id limit $3`,
    params: [projectId, after ?? '', limit],
    row: listedRow,
    isConstant: true,
  };
}
