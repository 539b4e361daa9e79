import { summarizeEventIndexes } from '@sluice/warehouse';
import type pg from 'pg';

/**
 * Keeps the block range indexes of `events` up to date. Postgres would look at every range of every day again each time;
 * this looks at those that came since the last call only, but for the first call.
 */
export function createIndexSummarizer(pool: pg.Pool): () => Promise<void> {
  // Blocks of the table when its index was last brought up to date, by index. Rows that come into a range from then on are
  // noted as they come.
  let known: Map<number, number> | undefined;
  return async () => {
    const indexes = await listIndexes(pool);
    if (known === undefined) await summarizeEventIndexes(pool);
    else {
      for (const { index, blocks, blocksOfRange } of indexes) {
        const from = known.get(index) ?? 0;
        if (blocks > from) await summarizeRanges(pool, index, from, blocks, blocksOfRange);
      }
    }
    known = new Map(indexes.map(({ index, blocks }) => [index, blocks]));
  };
}

interface BlockRangeIndex {
  index: number;
  /** Of its table. */
  blocks: number;
  blocksOfRange: number;
}

async function listIndexes(pool: pg.Pool): Promise<BlockRangeIndex[]> {
  const found = await pool.query<{ index: number; blocks: number; blocks_of_range: number }>({
    name: 'list-block-range-indexes',
    text: `select c.oid as index,
             (pg_relation_size(i.indrelid) / current_setting('block_size')::int)::int as blocks,
             coalesce((select option_value from pg_options_to_table(c.reloptions)
                       where option_name = 'pages_per_range'), '128')::int as blocks_of_range
           from pg_inherits p
           join pg_index i on i.indrelid = p.inhrelid
           join pg_class c on c.oid = i.indexrelid
           join pg_am a on a.oid = c.relam
           where p.inhparent = 'events'::regclass and a.amname = 'brin'`,
  });
  return found.rows.map((row) => ({
    index: row.index,
    blocks: row.blocks,
    blocksOfRange: row.blocks_of_range,
  }));
}

/** From the range that holds block `from` on. */
async function summarizeRanges(
  pool: pg.Pool,
  index: number,
  from: number,
  to: number,
  blocksOfRange: number,
): Promise<void> {
  await pool.query({
    name: 'summarize-ranges',
    text: `select summarize_event_index($1::oid, block)
           from generate_series($2::bigint / $4::bigint * $4::bigint, $3::bigint - 1, $4::bigint) as block`,
    values: [index, from, to, blocksOfRange],
  });
}
