import type { SeriesOf, Values, WatchBucket } from '@sluice/analytics-api/watched';
import type { Sources } from './ask-values.js';

/**
 * How well events arrived, by the time of their receipt. A bucket in which nothing was received has no lag: null.
 *
 * Devices number their messages, and a gap counts where its stream was last heard of: one that goes on counts again later.
 */
export async function askHealth(
  projectId: number,
  series: readonly SeriesOf<'health'>[],
  buckets: readonly WatchBucket[],
  { pool }: Pick<Sources, 'pool'>,
): Promise<Values[]> {
  const bounds = [...buckets.map(({ startMs }) => startMs), buckets.at(-1)!.endMs];
  const found = await pool.query<Record<(typeof series)[number]['signal'], number | null>>(
    `with buckets as (
       select ordinal, to_timestamp(start_ms / 1000.0) as starts, to_timestamp(end_ms / 1000.0) as ends
       from unnest($2::float8[], $3::float8[]) with ordinality as b (start_ms, end_ms, ordinal)
     ), range as (
       select min(starts) as starts, max(ends) as ends, array_agg(starts order by ordinal) as bounds from buckets
     ), receipts as (
       select width_bucket(minute, range.bounds) as ordinal, sum(rejected) as rejected,
         sum(dead_lettered) as dead_letters, sum(duplicates) as duplicates
       from ledger, range
       where project_id = $1 and minute >= range.starts and minute < range.ends
       group by 1
     ), lags as (
       select width_bucket(received_from, range.bounds) as ordinal,
         max(extract(epoch from done_at - received_from)) as lag
       from batches, range
       where state = 'done' and received_from >= range.starts and received_from < range.ends
         and project_rows ? $1::text
       group by 1
     ), heard as (
       select max(last_received_at) as at,
         greatest(0, max(last_seq) - sum(landed) - sum(refused) - max(dropped)) as missing
       from streams
       where project_id = $1 and stream in (
         select s.stream from streams s, range
         where s.project_id = $1 and s.last_received_at >= range.starts and s.last_received_at < range.ends)
       group by stream
       having max(last_received_at) >= (select starts from range) and max(last_received_at) < (select ends from range)
     ), gaps as (
       select width_bucket(at, range.bounds) as ordinal, sum(missing) as device_gaps from heard, range group by 1
     )
     select coalesce(r.rejected, 0)::float8 as rejected, coalesce(r.dead_letters, 0)::float8 as dead_letters,
       coalesce(r.duplicates, 0)::float8 as duplicates, l.lag::float8 as lag,
       coalesce(g.device_gaps, 0)::float8 as device_gaps
     from buckets b
     left join receipts r using (ordinal)
     left join lags l using (ordinal)
     left join gaps g using (ordinal)
     order by b.ordinal`,
    [projectId, bounds.slice(0, -1), bounds.slice(1)],
  );
  if (found.rows.length !== buckets.length) throw new Error('The numbers of ingestion were cut off.');
  return series.map(({ signal }) => found.rows.map((row) => row[signal]));
}
