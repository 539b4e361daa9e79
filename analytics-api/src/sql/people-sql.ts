import type { Statement } from './statement.js';

/** A table with people: what to read from, and the expression for the person of a row. */
export interface PeopleSource {
  from: string;
  /** A number that stands for the person of the row, all merges known so far applied; 0: nobody. */
  person: string;
}

/**
 * A table (or a subquery) whose rows have an actor, with the person that the actor belongs to by now. Ids are compared by 64
 * bits of SipHash: that two of n people fall together has a chance of n² / 2^65, one in 37 million for a million people.
 *
 * @param actorHash Expression for the hash of the actor's id. Default: the column `actor_hash`.
 */
export function withPeople(statement: Statement, table: string, actorHash = 'actor_hash'): PeopleSource {
  if (!statement.hasMerges) return { from: table, person: actorHash };
  const merged = statement.alias('merged');
  return {
    from: `${table} left any join (${MERGES}) as ${merged} on ${actorHash} = ${merged}.previous_hash`,
    person: `ifNull(${merged}.canonical_hash, ${actorHash})`,
  };
}

const MERGES = `
  select sipHash64(previous_id) as previous_hash, sipHash64(user_id) as canonical_hash
  from {db:Identifier}.identities final
  where project_id = {project:UInt32}`;
