import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  dropExpiredPartitions,
  ensureEventPartitions,
  firstEventIdOf,
  summarizeEventIndexes,
} from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing/index.js';

let postgres: TestDatabase;

beforeAll(async () => {
  postgres = await createTestDatabase(inject('postgresUrl'), { max: 20 });
});

afterAll(() => postgres.drop());

beforeEach(async () => {
  await dropExpiredPartitions(postgres.pool, '9999-01-01');
  await postgres.pool.query('truncate events');
});

const DAY_MS = 86_400_000;

function idAt(epochMs: number): string {
  const hex = epochMs.toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const INSERT = `insert into events
  (project_id, event_id, batch_id, batch_seq, received_at, "timestamp", type, event, message_id, enrichment, message)
  select 1, id, 1, 0, $2, now(), 'track', 'e', id::text, '{}', '{}' from unnest($1::uuid[]) as id
  on conflict do nothing`;

async function insert(ids: readonly string[], receivedAt = '2026-03-01T00:00:00Z'): Promise<void> {
  await postgres.pool.query(INSERT, [ids, receivedAt]);
}

async function rowsByTable(): Promise<Record<string, number>> {
  const { rows } = await postgres.pool.query<{ name: string; n: number }>(
    'select tableoid::regclass::text as name, count(*) as n from events group by 1 order by 1',
  );
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
}

describe('firstEventIdOf', () => {
  it('is the bound between the last id of a day and the first of the next', () => {
    const day = Date.UTC(2026, 2, 2);
    expect(firstEventIdOf('2026-03-02') <= idAt(day)).toBe(true);
    expect(idAt(day - 1) < firstEventIdOf('2026-03-02')).toBe(true);
    expect(() => firstEventIdOf(`2026-03-02'; drop table events; --`)).toThrow(RangeError);
    expect(() => firstEventIdOf('2026-13-45')).toThrow(RangeError);
  });
});

describe('ensureEventPartitions', () => {
  it('moves the rows of its day out of the default partition, first and last millisecond included', async () => {
    const day = Date.UTC(2026, 2, 2);
    await insert([idAt(day - 1), idAt(day), idAt(day + DAY_MS - 1), idAt(day + DAY_MS), idAt(0)]);
    await ensureEventPartitions(postgres.pool, ['2026-03-02']);
    expect(await rowsByTable()).toEqual({ events_20260302: 2, events_other: 3 });
    await ensureEventPartitions(postgres.pool, ['2026-03-02', '2026-03-02']);
    await insert([idAt(day + 5)]);
    expect(await rowsByTable()).toEqual({ events_20260302: 3, events_other: 3 });
  });

  it('still refuses an id that came before its partition did', async () => {
    const id = idAt(Date.UTC(2026, 2, 2, 12));
    await insert([id]);
    await ensureEventPartitions(postgres.pool, ['2026-03-02']);
    await insert([id]);
    expect(await rowsByTable()).toEqual({ events_20260302: 1 });
  });

  it('loses and doubles nothing while landings go on and several make the same partitions', async () => {
    const days = Array.from({ length: 8 }, (_, i) => Date.UTC(2026, 3, 1 + i));
    const names = days.map((day) => new Date(day).toISOString().slice(0, 10));
    const ids: string[] = [];
    const failures: unknown[] = [];
    let isMaking = true;

    async function land(): Promise<void> {
      while (isMaking) {
        const mine = Array.from({ length: 20 }, (_, i) => idAt(days[i % days.length]! + i * 1_000));
        const client = await postgres.pool.connect();
        try {
          await client.query('begin');
          // As a landing does: a look first, which takes a lock on every partition, then the rows, some twice.
          await client.query('select count(*) from events where event_id = any($1::uuid[])', [mine]);
          await client.query(INSERT, [[...mine, ...ids.slice(-10)], '2026-03-01T00:00:00Z']);
          await client.query('commit');
          ids.push(...mine);
        } catch (error) {
          await client.query('rollback');
          failures.push(error);
        } finally {
          client.release();
        }
      }
    }

    const landings = Array.from({ length: 4 }, land);
    try {
      await expect.poll(() => ids.length, { timeout: 20_000 }).toBeGreaterThan(100);
      await Promise.all(Array.from({ length: 3 }, () => ensureEventPartitions(postgres.pool, names)));
      const before = ids.length;
      await expect.poll(() => ids.length, { timeout: 20_000 }).toBeGreaterThan(before + 100);
    } finally {
      isMaking = false;
      await Promise.all(landings);
    }
    expect(failures).toEqual([]);
    const { rows } = await postgres.pool.query(
      'select count(*) as n, count(distinct event_id) as ids from events',
    );
    expect(rows).toEqual([{ n: ids.length, ids: ids.length }]);
    const counts = await rowsByTable();
    expect(Object.keys(counts)).toEqual(names.map((day) => `events_${day.replaceAll('-', '')}`));
  });

  it('waits for a reader that holds the default partition, without holding up inserts behind it', async () => {
    const reader = await postgres.pool.connect();
    await reader.query('begin');
    await reader.query('select count(*) from events_other');
    const making = ensureEventPartitions(postgres.pool, ['2026-05-01']);
    const blocked = `select count(*) as n from pg_locks where not granted and relation = 'events_other'::regclass`;
    await expect
      .poll(async () => (await postgres.pool.query<{ n: number }>(blocked)).rows[0]?.n, { timeout: 10_000 })
      .toBe(1);
    await insert([idAt(0)]);
    await reader.query('commit');
    reader.release();
    await making;
    expect(await rowsByTable()).toEqual({ events_other: 1 });
  });
});

describe('dropExpiredPartitions', () => {
  it('drops days before the oldest kept one, and by their receipt what has no day', async () => {
    await ensureEventPartitions(postgres.pool, ['2026-03-01', '2026-03-02', '2026-03-03']);
    await insert([idAt(Date.UTC(2026, 2, 1)), idAt(Date.UTC(2026, 2, 2)), idAt(Date.UTC(2026, 2, 3))]);
    await insert([idAt(0)], '2026-03-01T12:00:00Z');
    await insert([idAt(0)], '2026-03-02T12:00:00Z');
    expect(await dropExpiredPartitions(postgres.pool, '2026-03-02')).toEqual(['2026-03-01']);
    expect(await rowsByTable()).toEqual({ events_20260302: 1, events_20260303: 1, events_other: 1 });
    expect(await dropExpiredPartitions(postgres.pool, '2026-03-02')).toEqual([]);
  });
});

describe('summarizeEventIndexes', () => {
  it('lets a query by batch leave out what others have added since', async () => {
    const day = Date.UTC(2026, 2, 2);
    await ensureEventPartitions(postgres.pool, ['2026-03-02']);
    await insert(Array.from({ length: 20_000 }, (_, i) => idAt(day + i)));
    const pagesRead = async (): Promise<number> => {
      const client = await postgres.pool.connect();
      try {
        await client.query('begin; set local enable_seqscan = off');
        const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
          'explain (analyze, buffers, format json) select count(*) from events where batch_id = 2',
        );
        const [{ Plan: plan } = { Plan: {} }] = rows[0]!['QUERY PLAN'];
        return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
      } finally {
        await client.query('rollback');
        client.release();
      }
    };
    const before = await pagesRead();
    await summarizeEventIndexes(postgres.pool);
    expect(await pagesRead()).toBeLessThan(before / 5);
  });
});
