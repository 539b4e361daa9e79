import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyClaims, claimOf, resolve, type Claim } from './claims.js';

const id = fc.constantFrom('a', 'b', 'c', 'd', 'u1', 'u2', 'u3');
const claim: fc.Arbitrary<Claim> = fc.record({
  projectId: fc.constant(1),
  previousId: id,
  userId: id,
  kind: fc.constantFrom('identify', 'alias'),
});

describe('applyClaims', () => {
  it('keeps identities flat and free of circles, and never gives an id to a second user', () => {
    fc.assert(
      fc.property(fc.array(claim, { maxLength: 12 }), (claims) => {
        const identities = new Map<string, string>();
        for (const single of claims) {
          const before = new Map(identities);
          applyClaims(identities, [single]);
          for (const [previous, user] of identities) {
            expect(user).not.toBe(previous);
            expect(identities.has(user)).toBe(false);
          }
          // Two ids that were one person stay one person.
          for (const [previous, user] of before) {
            expect(resolve(identities, previous)).toBe(resolve(identities, user));
          }
        }
      }),
    );
  });

  it('comes to the same whether claims arrive together or one by one', () => {
    fc.assert(
      fc.property(fc.array(claim, { maxLength: 12 }), (claims) => {
        const together = new Map<string, string>();
        const changed = applyClaims(together, claims);
        const oneByOne = new Map<string, string>();
        for (const single of claims) applyClaims(oneByOne, [single]);
        expect(together).toEqual(oneByOne);
        expect(changed).toEqual(together);
      }),
    );
  });

  it('lets a user have many devices, and a device one user', () => {
    const of = (previousId: string, userId: string): Claim => ({
      projectId: 1,
      previousId,
      userId,
      kind: 'identify',
    });
    const identities = new Map<string, string>();
    applyClaims(identities, [of('phone', 'ann'), of('laptop', 'ann'), of('phone', 'bob')]);
    expect([...identities]).toEqual([
      ['phone', 'ann'],
      ['laptop', 'ann'],
    ]);
    // An identify that names a user where a device belongs merges no users.
    expect(applyClaims(identities, [of('ann', 'bob')]).size).toBe(0);
    expect(applyClaims(identities, [{ ...of('ann', 'bob'), kind: 'alias' }])).toEqual(
      new Map([
        ['phone', 'bob'],
        ['laptop', 'bob'],
        ['ann', 'bob'],
      ]),
    );
  });
});

describe('claimOf', () => {
  const message = { projectId: 1, anonymousId: 'a', userId: 'u', previousId: null } as const;

  it('is made by an identify with both ids and by an alias, and by nothing else', () => {
    expect(claimOf({ ...message, type: 'identify' })).toMatchObject({
      previousId: 'a',
      userId: 'u',
      kind: 'identify',
    });
    expect(claimOf({ ...message, type: 'alias', previousId: 'p' })).toMatchObject({
      previousId: 'p',
      kind: 'alias',
    });
    expect(claimOf({ ...message, type: 'track' })).toBeUndefined();
    expect(claimOf({ ...message, type: 'identify', userId: null })).toBeUndefined();
    expect(claimOf({ ...message, type: 'identify', userId: 'a' })).toBeUndefined();
  });
});
