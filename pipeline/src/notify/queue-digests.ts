import { SEVERITIES } from '@sluice/contracts';
import type pg from 'pg';
import { createLocalOffsets } from '../enrich/local-day.js';
import type { Severity } from './severity.js';

/** Local time of day at which the digest of the day before is sent. */
export const DIGEST_HOUR = 8;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const SHOWN = 50;
/** What opened longer ago than this before the end of the day is no news. */
const OLDEST_MS = 31 * DAY_MS;

interface DigestChannel {
  channel_id: number;
  project_id: number;
  min_severity: Severity;
  timezone: string;
  created_at: Date;
}

/**
 * Puts the digests that are due into the outbox: of each channel that wants them one a local day at most, once it is eight in
 * the morning after, with what opened until the end of the day and no digest has told. So nothing is left out for having been
 * judged late, or because nobody made a digest on its day. Whoever else does the same at the same time makes no second one.
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
export function digestDay(timezone: string, nowMs: number): { name: string; toMs: number } | undefined {
  const offsetAt = createLocalOffsets(timezone);
  const localMs = nowMs + offsetAt(nowMs);
  const todayMs = Math.floor(localMs / DAY_MS) * DAY_MS;
  if (localMs - todayMs < DIGEST_HOUR * HOUR_MS) return undefined;
  const yesterdayMs = todayMs - DAY_MS;
  return {
    name: new Date(yesterdayMs).toISOString().slice(0, 10),
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
  day: { name: string; toMs: number },
  nowMs: number,
): Promise<number> {
  const wanted = SEVERITIES.slice(SEVERITIES.indexOf(channel.min_severity));
  const queued = await pool.query(
    `with of_digest as (
       select * from anomalies a
       where project_id = $1::integer and opened_at > to_timestamp($2 / 1000.0)
         and opened_at <= to_timestamp($3 / 1000.0) and severity = any($4::text[]) and not backfilled
         and suppressed_by is null and not exists (
           select from digested_anomalies d where d.channel_id = $6::bigint and d.anomaly_id = a.anomaly_id)
     ), shown as (
       select * from of_digest
       order by array_position(array['critical', 'warning', 'info'], severity), peak_surprise desc, anomaly_id
       limit $5
     ), digest as (
       select (select count(*)::int from of_digest) - count(*) as more,
         jsonb_agg(jsonb_build_object(
           'anomaly_id', anomaly_id, 'project_id', project_id, 'watch', watch, 'metric', metric, 'series', series,
           'interval', interval, 'state', state, 'severity', severity, 'direction', direction, 'bucket', ${iso('bucket')},
           'since', ${iso('since')}, 'observed', observed, 'expected', expected, 'lower', lower, 'upper', upper,
           'surprise', surprise, 'opened_at', ${iso('opened_at')}, 'last_seen_at', ${iso('last_seen_at')},
           'resolved_at', ${iso('resolved_at')}, 'evidence', evidence, 'peak', jsonb_build_object(
             'bucket', ${iso('peak_bucket')}, 'observed', peak_observed, 'expected', peak_expected,
             'surprise', peak_surprise))) as anomalies
       from shown
     ), queued as (
       insert into notifications (project_id, channel_id, kind, digest_day, payload, created_at, next_attempt_at)
       select $1::integer, $6::bigint, 'digest', $7::date,
         jsonb_build_object('data', jsonb_build_object('day', $7::text, 'anomalies', anomalies, 'more', more)),
         to_timestamp($8 / 1000.0), to_timestamp($8 / 1000.0)
       from digest where anomalies is not null
       on conflict (channel_id, digest_day) do nothing
       returning channel_id
     ), noted as (
       insert into digested_anomalies (channel_id, anomaly_id)
       select channel_id, anomaly_id from queued, of_digest
     )
     select from queued`,
    [
      channel.project_id,
      Math.max(channel.created_at.getTime(), day.toMs - OLDEST_MS),
      day.toMs,
      wanted,
      SHOWN,
      channel.channel_id,
      day.name,
      nowMs,
    ],
  );
  return queued.rowCount ?? 0;
}

/** An instant as other messages have it. */
function iso(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
