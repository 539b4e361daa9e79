import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const counts = {
  sent: z.int(),
  landed: z.int(),
  refused: z.int(),
  dropped: z.int(),
  missing: z.int(),
};

/** Streams last heard of in a range, each summed over the partitions that its messages went to. */
const STREAMS = `
  with streams_of as (
    select stream, max(last_seq) as sent, sum(landed) as landed, sum(refused) as refused, max(dropped) as dropped,
      (array_agg(device_id order by last_received_at desc))[1] as device_id, max(last_received_at) as last_received_at
    from streams
    where project_id = $1
    group by stream
    having max(last_received_at) >= to_timestamp($2 / 1000.0) and max(last_received_at) < to_timestamp($3 / 1000.0)
  ), counted as (
    select *, greatest(0, sent - landed - refused - dropped) as missing from streams_of
  )`;

const totalsRow = z.object({ streams: z.int(), ...counts });

/** All streams of a range together. */
export function askDeviceTotals(
  projectId: number,
  fromMs: number,
  toMs: number,
): PostgresQuestion<z.infer<typeof totalsRow>> {
  return {
    name: 'device-totals',
    sql: `${STREAMS}
      select count(*) as streams, coalesce(sum(sent), 0)::bigint as sent, coalesce(sum(landed), 0)::bigint as landed,
        coalesce(sum(refused), 0)::bigint as refused, coalesce(sum(dropped), 0)::bigint as dropped,
        coalesce(sum(missing), 0)::bigint as missing
      from counted`,
    params: [projectId, fromMs, toMs],
    row: totalsRow,
  };
}

const gapRow = z.object({ stream: z.string(), device_id: z.string(), ...counts, last_received_at: z.date() });

/** The streams of which something is missing, those with the most first. */
export function askDeviceGaps(
  projectId: number,
  fromMs: number,
  toMs: number,
  limit: number,
): PostgresQuestion<z.infer<typeof gapRow>> {
  return {
    name: 'device-gaps',
    sql: `${STREAMS}
      select stream, device_id, sent::bigint as sent, landed::bigint as landed, refused::bigint as refused,
        dropped::bigint as dropped, missing::bigint as missing, last_received_at
      from counted
      where missing > 0
      order by missing desc, stream
      limit $4`,
    params: [projectId, fromMs, toMs, limit],
    row: gapRow,
  };
}
