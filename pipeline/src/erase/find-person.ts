import type pg from 'pg';

/**
 * All ids of the person, or the people, that `named` are ids of: the ids themselves, the user they were merged into, and
 * whatever else was merged into that user.
 */
export async function findPersonIds(
  client: pg.ClientBase | pg.Pool,
  projectId: number,
  named: readonly string[],
): Promise<string[]> {
  const found = await client.query<{ id: string }>(
    `with named as (
       select id from unnest($2::text[]) as id
     ), users_named as (
       select coalesce(i.user_id, n.id) as id
       from named n left join identities i on i.project_id = $1 and i.previous_id = n.id
     )
     select id from named
     union select id from users_named
     union select i.previous_id from identities i join users_named u on i.user_id = u.id where i.project_id = $1
     order by id`,
    [projectId, named],
  );
  return found.rows.map(({ id }) => id);
}
