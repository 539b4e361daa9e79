import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createIndexSummarizer } from '../src/upkeep/summarize-indexes.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'), { max: 2 });
});

afterAll(() => database.drop());

/** Rows of a few hundred blocks. */
async function addRows(batchId: number): Promise<void> {
  await database.pool.query(
    `insert into events (project_id, event_id, batch_id, batch_seq, received_at, "timestamp", type, event, message_id,
       enrichment, message)
     select 1, gen_random_uuid(), $1, n, now(), now(), 'track', 'e', 'm', '{}', json_build_object('text', repeat('x', 1500))
     from generate_series(1, 1000) as n`,
    [batchId],
  );
}

/** How many ranges a whole pass over both indexes still finds. */
async function countMissing(): Promise<number> {
  const found = await database.pool.query<{ n: number }>(
    `select sum(brin_summarize_new_values(c.oid))::int as n
     from pg_class c join pg_index i on i.indexrelid = c.oid join pg_am a on a.oid = c.relam
     where i.indrelid = 'events_other'::regclass and a.amname = 'brin'`,
  );
  return found.rows[0]!.n;
}

describe('createIndexSummarizer', () => {
  it('leaves no range out, whether rows were there before its first call or came between calls', async () => {
    await addRows(1);
    const summarize = createIndexSummarizer(database.pool);
    await summarize();
    expect(await countMissing()).toBe(0);
    for (const batchId of [2, 3]) {
      await addRows(batchId);
      await summarize();
      expect(await countMissing()).toBe(0);
    }
    await addRows(4);
    expect(await countMissing()).toBeGreaterThan(0);
  });
});
