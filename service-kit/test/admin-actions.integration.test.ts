import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKey, ensureProject, inTransaction, recordAdminAction, revokeKey } from '../src/index.js';

describe('the list of admin actions', () => {
  let postgres: TestDatabase;

  beforeAll(async () => {
    postgres = await createTestDatabase(inject('postgresUrl'));
  });

  afterAll(() => postgres.drop());

  const by = { kind: 'key' as const, id: '7', address: '192.0.2.1', requestId: 'r-1' };

  async function actions(): Promise<Record<string, unknown>[]> {
    const found = await postgres.pool.query<Record<string, unknown>>(
      `select actor_kind, actor, action, target, encode(before_digest, 'hex') as before,
              encode(after_digest, 'hex') as after, address, request_id
       from admin_actions order by action_id`,
    );
    return found.rows;
  }

  it('says who made a project and its keys and who revoked one, from what state to what state', async () => {
    const projectId = await ensureProject(postgres.pool, 'shop', { by });
    expect(await ensureProject(postgres.pool, 'shop', { by })).toBe(projectId);
    const { keyId } = await createKey(postgres.pool, { projectId, kind: 'admin', by });
    expect(await revokeKey(postgres.pool, keyId, by)).toBe(true);
    expect(await revokeKey(postgres.pool, keyId, by)).toBe(false);
    const found = await actions();
    expect(found).toMatchObject([
      { actor_kind: 'key', actor: '7', action: 'project.create', target: 'shop', before: null },
      { action: 'key.create', target: String(keyId), before: null, address: '192.0.2.1', request_id: 'r-1' },
      { action: 'key.revoke', target: String(keyId) },
    ]);
    expect(found[2]?.['before']).toBe(found[1]?.['after']);
    expect(found[2]?.['after']).not.toBe(found[2]?.['before']);
  });

  it('names the user and the machine of a command', async () => {
    await ensureProject(postgres.pool, 'second');
    const last = (await actions()).at(-1);
    expect(last?.['actor_kind']).toBe('command');
    expect(last?.['actor']).toMatch(/^.+@.+$/);
  });

  it('holds nothing of what was undone, and what it holds cannot be changed or deleted, by its owner either', async () => {
    const before = await actions();
    await expect(
      inTransaction(postgres.pool, async (client) => {
        await recordAdminAction(client, { by, action: 'plan.change', target: 'shop' });
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    for (const sql of [
      `update admin_actions set actor = 'nobody'`,
      'delete from admin_actions',
      'truncate admin_actions',
    ]) {
      await expect(postgres.pool.query(sql)).rejects.toThrow(/never changed or deleted/);
    }
    expect(await actions()).toEqual(before);
  });

  it('keeps digests of secrets, never the secrets, and the order of keys makes no difference to them', async () => {
    await inTransaction(postgres.pool, async (client) => {
      const target = 'ops';
      const at = new Date(0);
      const secret = 'marker-of-a-secret';
      await recordAdminAction(client, { by, action: 'channel.save', target, after: { a: 1, at, secret } });
      await recordAdminAction(client, { by, action: 'channel.save', target, after: { secret, at, a: 1 } });
    });
    const rows = await postgres.pool.query<{ text: string }>('select a::text as text from admin_actions a');
    expect(rows.rows.map(({ text }) => text).join()).not.toContain('marker-of-a-secret');
    const [first, second] = (await actions()).slice(-2);
    expect(first?.['after']).toBe(second?.['after']);
  });
});
