import type pg from 'pg';
import type { Incident } from '../watch/fold-incidents.js';
import type { Watch, WatchedSeries } from '../watch/watched-series.js';
import type { Message, ToldAnomaly } from './messages.js';
import { isAtLeast, type Severity } from './severity.js';

export type ChannelKind = 'webhook' | 'slack' | 'email';

/** A channel that is told as it happens. */
export interface Channel {
  channelId: number;
  minSeverity: Severity;
}

export interface Told extends Incident {
  anomalyId: number;
  watch: Watch;
  series: WatchedSeries;
}

export async function readChannels(client: pg.ClientBase, projectId: number): Promise<Channel[]> {
  const found = await client.query<{ channel_id: number; min_severity: Severity }>(
    `select channel_id, min_severity from notification_channels
     where project_id = $1 and enabled and delivery = 'each' order by channel_id`,
    [projectId],
  );
  return found.rows.map((row) => ({ channelId: row.channel_id, minSeverity: row.min_severity }));
}

/**
 * Puts into the outbox, within the open transaction, that an anomaly opened: for each channel once, whenever its severity
 * has first reached what the channel wants.
 */
export async function queueOpened(
  client: pg.ClientBase,
  channels: readonly Channel[],
  told: Told,
  nowMs: number,
): Promise<void> {
  const wanting = channels.filter(({ minSeverity }) => isAtLeast(told.severity, minSeverity));
  if (wanting.length === 0) return;
  await client.query(
    `insert into notifications (project_id, channel_id, anomaly_id, kind, payload, created_at, next_attempt_at)
     select $1, channel_id, $3, 'opened', jsonb_build_object('data', $4::jsonb), to_timestamp($5 / 1000.0),
       to_timestamp($5 / 1000.0)
     from unnest($2::bigint[]) as c (channel_id)
     on conflict (channel_id, anomaly_id, kind) do nothing`,
    [
      told.watch.projectId,
      wanting.map(({ channelId }) => channelId),
      told.anomalyId,
      JSON.stringify(toldOf(told)),
      nowMs,
    ],
  );
}

/** … that it is over, for those who were told that it opened. */
export async function queueResolved(client: pg.ClientBase, told: Told, nowMs: number): Promise<void> {
  await client.query(
    `insert into notifications (project_id, channel_id, anomaly_id, kind, payload, created_at, next_attempt_at)
     select n.project_id, n.channel_id, n.anomaly_id, 'resolved', jsonb_build_object('data', $2::jsonb),
       to_timestamp($3 / 1000.0), to_timestamp($3 / 1000.0)
     from notifications n join notification_channels c using (channel_id)
     where n.anomaly_id = $1 and n.kind = 'opened' and c.enabled
     on conflict (channel_id, anomaly_id, kind) do nothing`,
    [told.anomalyId, JSON.stringify(toldOf(told)), nowMs],
  );
}

function toldOf({ watch, series, ...incident }: Told): ToldAnomaly {
  return {
    anomaly_id: incident.anomalyId,
    project_id: watch.projectId,
    watch: watch.name,
    metric: watch.metric,
    series: series.series,
    interval: watch.interval,
    state: incident.state,
    severity: incident.severity,
    direction: incident.direction,
    bucket: isoOf(incident.bucketMs),
    since: isoOf(incident.sinceMs),
    observed: incident.observed,
    expected: incident.expected,
    lower: incident.lower,
    upper: incident.upper,
    surprise: incident.surprise,
    opened_at: isoOf(incident.openedMs),
    last_seen_at: isoOf(incident.lastSeenMs),
    resolved_at: incident.resolvedMs === undefined ? null : isoOf(incident.resolvedMs),
    peak: {
      bucket: isoOf(incident.peak.startMs),
      observed: incident.peak.observed,
      expected: incident.peak.expected,
      surprise: incident.peak.surprise,
    },
    evidence: incident.evidence ?? null,
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** A notification that is this worker's to deliver until its lease ends. */
export interface ClaimedNotification {
  notificationId: number;
  /** How many attempts there were, with this one; also what shows that the lease is still ours. */
  attempt: number;
  channelId: number;
  channelKind: ChannelKind;
  target: { url?: string; addresses?: string[] };
  secret: string | undefined;
  message: Message;
}

const TYPES = {
  opened: 'anomaly.opened',
  resolved: 'anomaly.resolved',
  digest: 'anomaly.digest',
  test: 'test',
} as const;

/**
 * Takes due notifications for `leaseMs`. Of two workers each gets others; what a worker that died had taken is due again
 * when its lease ends. That something is over waits for what said that it began: told the other way round, it would stay
 * open for the receiver.
 */
export async function claimDue(
  pool: pg.Pool,
  { nowMs, leaseMs, most }: { nowMs: number; leaseMs: number; most: number },
): Promise<ClaimedNotification[]> {
  const found = await pool.query<{
    notification_id: number;
    attempts: number;
    kind: keyof typeof TYPES;
    payload: { data?: unknown };
    created_at: Date;
    channel_id: number;
    channel_kind: ChannelKind;
    target: ClaimedNotification['target'];
    secret: string | null;
    project: string;
  }>(
    `with due as (
       select n.notification_id from notifications n join notification_channels c using (channel_id)
       where n.delivered_at is null and n.failed_at is null and n.next_attempt_at <= to_timestamp($1 / 1000.0) and c.enabled
         and (n.kind <> 'resolved' or not exists (
           select from notifications o
           where o.channel_id = n.channel_id and o.anomaly_id = n.anomaly_id and o.kind = 'opened'
             and o.delivered_at is null and o.failed_at is null))
       order by n.next_attempt_at, n.notification_id
       limit $3
       for update of n skip locked
     ), claimed as (
       update notifications n set attempts = n.attempts + 1, next_attempt_at = to_timestamp(($1 + $2) / 1000.0)
       from due where n.notification_id = due.notification_id
       returning n.*
     )
     select n.notification_id, n.attempts, n.kind, n.payload, n.created_at, n.channel_id, c.kind as channel_kind, c.target,
       c.secret, p.name as project
     from claimed n join notification_channels c using (channel_id) join projects p on p.project_id = n.project_id
     order by n.notification_id`,
    [nowMs, leaseMs, most],
  );
  return found.rows.map((row) => ({
    notificationId: row.notification_id,
    attempt: row.attempts,
    channelId: row.channel_id,
    channelKind: row.channel_kind,
    target: row.target,
    secret: row.secret ?? undefined,
    message: {
      type: TYPES[row.kind],
      timestamp: row.created_at.toISOString(),
      project: row.project,
      data: row.payload.data ?? {},
    } as Message,
  }));
}

type Claim = Pick<ClaimedNotification, 'notificationId' | 'attempt'>;

export async function noteDelivered(pool: pg.Pool, claim: Claim, nowMs: number): Promise<void> {
  await pool.query(
    `update notifications set delivered_at = to_timestamp($3 / 1000.0), last_error = null
     where notification_id = $1 and attempts = $2 and delivered_at is null`,
    [claim.notificationId, claim.attempt, nowMs],
  );
}

export async function noteRetry(
  pool: pg.Pool,
  claim: Claim,
  { atMs, error }: { atMs: number; error: string },
): Promise<void> {
  await pool.query(
    `update notifications set next_attempt_at = to_timestamp($3 / 1000.0), last_error = $4
     where notification_id = $1 and attempts = $2 and delivered_at is null`,
    [claim.notificationId, claim.attempt, atMs, error.slice(0, 2_000)],
  );
}

export async function noteFailed(
  pool: pg.Pool,
  claim: Claim,
  { nowMs, error }: { nowMs: number; error: string },
): Promise<void> {
  await pool.query(
    `update notifications set failed_at = to_timestamp($3 / 1000.0), last_error = $4
     where notification_id = $1 and attempts = $2 and delivered_at is null`,
    [claim.notificationId, claim.attempt, nowMs, error.slice(0, 2_000)],
  );
}

/**
 * Nothing is sent to the channel any more until somebody turns it on again. Whoever has given it another address meanwhile
 * has done so.
 */
export async function disableChannel(
  pool: pg.Pool,
  { channelId, target }: Pick<ClaimedNotification, 'channelId' | 'target'>,
  reason: string,
): Promise<void> {
  await pool.query(
    `update notification_channels set enabled = false, disabled_reason = $3
     where channel_id = $1 and target = $2::jsonb`,
    [channelId, JSON.stringify(target), reason],
  );
}
