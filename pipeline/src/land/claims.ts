import type { DecodedMessage } from '../decode/decode-message.js';

/** That two ids are one person: what an identify with both ids, or an alias, says. */
export interface Claim {
  projectId: number;
  previousId: string;
  userId: string;
  kind: 'identify' | 'alias';
}

/** The claim of a message, if it makes one. */
export function claimOf(
  message: Pick<DecodedMessage, 'projectId' | 'type' | 'anonymousId' | 'userId' | 'previousId'>,
): Claim | undefined {
  const { projectId, type, anonymousId, userId, previousId } = message;
  if (userId === null) return undefined;
  if (type === 'identify' && anonymousId !== null && anonymousId !== userId) {
    return { projectId, previousId: anonymousId, userId, kind: 'identify' };
  }
  if (type === 'alias' && previousId !== null && previousId !== userId) {
    return { projectId, previousId, userId, kind: 'alias' };
  }
  return undefined;
}

/** Who is who in one project: previous id -> user id, flat (no user id is a previous id of another). */
export type IdentityMap = Map<string, string>;

export function resolve(identities: ReadonlyMap<string, string>, id: string): string {
  return identities.get(id) ?? id;
}

/**
 * Applies the claims of one project in order and returns the ids whose user changed, with their new one. `identities`
 * must hold the entries of every id that a claim names, and the followers of every previous id.
 *
 * - The first claim on an id holds: a device that two people use stays the first one's, and what the second does under
 *   the own user id is theirs all the same.
 * - An identify never merges two user ids: an id that others already point to is a user's.
 * - An alias may: its previous id's followers follow. Chains are kept flat; a claim that would close a circle says
 *   nothing new.
 */
export function applyClaims(identities: IdentityMap, claims: readonly Claim[]): Map<string, string> {
  const changed = new Map<string, string>();
  const followersOf = new Map<string, Set<string>>();
  const follow = (id: string, user: string): void => {
    const followers = followersOf.get(user);
    if (followers === undefined) followersOf.set(user, new Set([id]));
    else followers.add(id);
  };
  for (const [id, user] of identities) follow(id, user);
  for (const { previousId, userId, kind } of claims) {
    if (identities.has(previousId)) continue;
    const user = resolve(identities, userId);
    if (user === previousId) continue;
    const followers = followersOf.get(previousId) ?? new Set();
    if (kind === 'identify' && followers.size > 0) continue;
    followersOf.delete(previousId);
    for (const id of [...followers, previousId]) {
      identities.set(id, user);
      changed.set(id, user);
      follow(id, user);
    }
  }
  return changed;
}
