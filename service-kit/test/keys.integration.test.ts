import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKey, createKeyStore, listKeys, revokeKey } from '../src/keys.js';
import { ensureProject } from '../src/projects.js';

describe('keys', () => {
  let postgres: TestDatabase;
  let projectId: number;

  beforeAll(async () => {
    postgres = await createTestDatabase(inject('postgresUrl'));
    projectId = await ensureProject(postgres.pool, 'shop');
  });

  afterAll(() => postgres.drop());

  it('open the project they were made for, and nobody knows an unknown one', async () => {
    const { key, keyId } = await createKey(postgres.pool, { projectId, kind: 'write' });
    const store = createKeyStore({ pool: postgres.pool });
    expect(await store.find(key)).toMatchObject({
      keyId,
      kind: 'write',
      revoked: false,
      project: { name: 'shop' },
    });
    expect(store.findCached(key)).toMatchObject({ keyId });
    expect(await store.find('wk_nobody')).toBeNull();
  });

  it('are stored as hashes only', async () => {
    const { key } = await createKey(postgres.pool, { projectId, kind: 'read' });
    const stored = await postgres.pool.query<{ row: string }>('select k::text as row from api_keys k');
    expect(stored.rows.map(({ row }) => row).join('\n')).not.toContain(key);
    expect((await listKeys(postgres.pool)).every((row) => !row.hint.includes(key))).toBe(true);
  });

  it('are seen as revoked once the cached answer has aged', async () => {
    let nowMs = 0;
    const store = createKeyStore({ pool: postgres.pool, ttlMs: 1_000, now: () => nowMs });
    const { key, keyId } = await createKey(postgres.pool, { projectId, kind: 'write' });
    await store.find(key);
    expect(await revokeKey(postgres.pool, keyId)).toBe(true);
    expect(await revokeKey(postgres.pool, keyId)).toBe(false);
    expect((await store.find(key))?.revoked).toBe(false);
    nowMs = 1_000;
    expect((await store.find(key))?.revoked).toBe(true);
  });

  it('that were seen before keep working while Postgres is away; others are an error, not a refusal', async () => {
    const own = await createTestDatabase(inject('postgresUrl'));
    const { key } = await createKey(own.pool, {
      projectId: await ensureProject(own.pool, 'shop'),
      kind: 'write',
    });
    let nowMs = 0;
    const store = createKeyStore({ pool: own.pool, ttlMs: 1_000, now: () => nowMs });
    await store.find(key);
    await own.drop();
    nowMs = 5_000;
    expect(await store.find(key)).toMatchObject({ kind: 'write' });
    await expect(store.find('wk_never_seen')).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
