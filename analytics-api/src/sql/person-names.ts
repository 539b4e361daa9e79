/**
 * The names of people who are in a common table by their hash: PERSON_NAME of rows that these joins have been put behind. A
 * person is named by the id that was seen, or by the one that others were merged into; empty where there is neither.
 *
 * @param column Column of `page` with the hash of the person.
 */
export function joinPersonNames(column: 'hash' | 'person'): string {
  return `
    left any join (
      select actor_hash, actor_id from {db:Identifier}.actors final
      where project_id = {project:UInt32} and actor_hash in (select ${column} from page)
    ) as named on named.actor_hash = page.${column}
    left any join (
      select sipHash64(user_id) as user_hash, user_id from {db:Identifier}.identities final
      where project_id = {project:UInt32} and user_hash in (select ${column} from page)
    ) as merged on merged.user_hash = page.${column}`;
}

export const PERSON_NAME = `coalesce(nullIf(named.actor_id, ''), nullIf(merged.user_id, ''), '')`;
