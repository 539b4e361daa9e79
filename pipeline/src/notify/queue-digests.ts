import type pg from 'pg';
import { createLocalOffsets } from '../enrich/local-day.js';
import type { ToldAnomaly } from './messages.js';
import { SEVERITIES, type Severity } from './severity.js';

/** Local time of day at which the digest of the day before is sent. */
export const DIGEST_HOUR = 8;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const SHOWN = 50;

interface DigestChannel {
  channel_id: number;
  project_id: number;
  min_severity: Severity;
  timezone: string;
  created_at: Date;
}

/**
 * Puts the digests that are due into the outbox: of each channel that wants them one for each local day on which something
 * opened, once it is eight in the morning after. Whoever else does the same at the same time makes no second one.
 */
export async function queueDigests(pool: pg.Pool, nowMs: number): Promise<number> {
  const channels = await pool.query<DigestChannel>(
    `select c.channel_id, c.project_id, c.min_severity, p.timezone, c.created_at
     from notification_channels c join projects p using (project_id)
     where c.enabled and c.delivery = 'daily'`,
  );
  let queued = 0;
  for (const channel of channels.rows) {
    const day = digestDay(channel.timezone, nowMs);
    if (day !== undefined) queued += await queueDigest(pool, channel, day, nowMs);
  }
  return queued;
}

/** The local day whose digest is due: yesterday, from eight in the morning on. */
export function digestDay(
  timezone: string,
  nowMs: number,
): { name: string; fromMs: number; toMs: number } | undefined {
  const offsetAt = createLocalOffsets(timezone);
  const localMs = nowMs + offsetAt(nowMs);
  const todayMs = Math.floor(localMs / DAY_MS) * DAY_MS;
  if (localMs - todayMs < DIGEST_HOUR * HOUR_MS) return undefined;
  const yesterdayMs = todayMs - DAY_MS;
  return {
    name: new Date(yesterdayMs).toISOString().slice(0, 10),
    fromMs: instantOf(yesterdayMs, offsetAt),
    toMs: instantOf(todayMs, offsetAt),
  };
}

/** The instant of a local wall time, by the offset that holds there. */
function instantOf(wallMs: number, offsetAt: (ms: number) => number): number {
  const guessMs = wallMs - offsetAt(wallMs);
  return wallMs - offsetAt(guessMs);
}

async function queueDigest(
  pool: pg.Pool,
  channel: DigestChannel,
  day: { name: string; fromMs: number; toMs: number },
  nowMs: number,
): Promise<number> {
  const wanted = SEVERITIES.slice(SEVERITIES.indexOf(channel.min_severity));
  const found = await pool.query<{ anomalies: ToldAnomaly[] | null; total: number }>(
    `with of_day as (
       select * from anomalies
       where project_id = $1 and opened_at > to_timestamp($2 / 1000.0) and opened_at <= to_timestamp($3 / 1000.0)
         and severity = any($4::text[]) and not backfilled and suppressed_by is null
         and opened_at > $6::timestamptz
     ), shown as (
       select * from of_day
       order by array_position(array['critical', 'warning', 'info'], severity), peak_surprise desc, anomaly_id
       limit $5
     )
     select (select count(*)::int from of_day) as total,
       (select jsonb_agg(jsonb_build_object(
          'anomaly_id', anomaly_id, 'project_id', project_id, 'watch', watch, 'metric', metric, 'series', series,
          'interval', interval, 'state', state, 'severity', severity, 'direction', direction, 'bucket', ${iso('bucket')},
          'since', ${iso('since')}, 'observed', observed, 'expected', expected, 'lower', lower, 'upper', upper,
          'surprise', surprise, 'opened_at', ${iso('opened_at')}, 'last_seen_at', ${iso('last_seen_at')},
          'resolved_at', ${iso('resolved_at')}, 'evidence', evidence, 'peak', jsonb_build_object(
            'bucket', ${iso('peak_bucket')}, 'observed', peak_observed, 'expected', peak_expected,
            'surprise', peak_surprise))) from shown) as anomalies`,
    [channel.project_id, day.fromMs, day.toMs, wanted, SHOWN, channel.created_at],
  );
  const { anomalies, total } = found.rows[0]!;
  if (anomalies === null) return 0;
  const inserted = await pool.query(
    `insert into notifications (project_id, channel_id, kind, digest_day, payload, created_at, next_attempt_at)
     values ($1, $2, 'digest', $3, $4, to_timestamp($5 / 1000.0), to_timestamp($5 / 1000.0))
     on conflict (channel_id, digest_day) do nothing`,
    [
      channel.project_id,
      channel.channel_id,
      day.name,
      JSON.stringify({ data: { day: day.name, anomalies, more: total - anomalies.length } }),
      nowMs,
    ],
  );
  return inserted.rowCount ?? 0;
}

/** An instant as other messages have it. */
function iso(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
