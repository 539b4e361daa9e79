import { SEVERITIES, type ChannelInput } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({
  name: z.string(),
  kind: z.enum(['webhook', 'slack', 'email']),
  target: z.object({ url: z.string().optional(), addresses: z.array(z.string()).optional() }),
  has_secret: z.boolean(),
  min_severity: z.enum(SEVERITIES),
  delivery: z.enum(['each', 'daily']),
  enabled: z.boolean(),
  disabled_reason: z.string().nullable(),
  created_at: z.date(),
});
export type ChannelRow = z.infer<typeof row>;

/** Never the secret itself. */
const COLUMNS = `name, kind, target, secret is not null as has_secret, min_severity, delivery, enabled, disabled_reason,
        created_at`;

/** All channels of a project by name, or the one of a name. */
export function askChannels(projectId: number, name?: string): PostgresQuestion<ChannelRow> {
  return {
    name: 'notification-channels',
    sql: `
      select ${COLUMNS} from notification_channels
      where project_id = $1 and ($2::text is null or name = $2) order by name`,
    params: [projectId, name ?? null],
    row,
  };
}

/** All of a channel that can be changed. The secret comes as a digest: it is compared, never shown. */
export function askChannelState(projectId: number, name: string): PostgresQuestion<unknown> {
  return {
    name: 'notification-channel-state',
    sql: `
      select kind, target, encode(sha256(convert_to(secret, 'UTF8')), 'hex') as secret, min_severity, delivery, enabled
      from notification_channels where project_id = $1 and name = $2`,
    params: [projectId, name],
    row: z.unknown(),
  };
}

/** Makes a channel, or makes it anew; no row when there are too many. A webhook keeps its secret where none is said. */
export function saveChannel(
  projectId: number,
  name: string,
  channel: Required<Pick<ChannelInput, 'kind' | 'min_severity' | 'delivery' | 'enabled'>> & {
    target: object;
    /** Undefined: as it was. */
    secret: string | null | undefined;
  },
  most: number,
): PostgresQuestion<ChannelRow> {
  return {
    name: 'save-notification-channel',
    sql: `
      insert into notification_channels as c (project_id, name, kind, target, secret, min_severity, delivery, enabled)
      select $1, $2, $3, $4::jsonb, $5, $6, $7, $8
      where (select count(*) from notification_channels where project_id = $1 and name <> $2) < $10
      on conflict (project_id, name) do update set kind = excluded.kind, target = excluded.target,
        secret = case when $9 and excluded.kind = 'webhook' then c.secret else excluded.secret end,
        min_severity = excluded.min_severity, delivery = excluded.delivery, enabled = excluded.enabled,
        disabled_reason = case when excluded.enabled then null else c.disabled_reason end
      returning ${COLUMNS}`,
    params: [
      projectId,
      name,
      channel.kind,
      JSON.stringify(channel.target),
      channel.secret ?? null,
      channel.min_severity,
      channel.delivery,
      channel.enabled,
      channel.secret === undefined,
      most,
    ],
    row,
  };
}

const nameRow = z.object({ name: z.string() });

/** Deletes a channel with what it was still to be told; no row when there is none. */
export function deleteChannel(projectId: number, name: string): PostgresQuestion<z.infer<typeof nameRow>> {
  return {
    name: 'delete-notification-channel',
    sql: 'delete from notification_channels where project_id = $1 and name = $2 returning name',
    params: [projectId, name],
    row: nameRow,
  };
}

const notificationRow = z.object({
  notification_id: z.int(),
  kind: z.enum(['opened', 'resolved', 'digest', 'test']),
  anomaly_id: z.int().nullable(),
  created_at: z.date(),
  attempts: z.int(),
  delivered_at: z.date().nullable(),
  failed_at: z.date().nullable(),
  last_error: z.string().nullable(),
});
export type NotificationRow = z.infer<typeof notificationRow>;

const NOTIFICATION = `n.notification_id, n.kind, n.anomaly_id, n.created_at, n.attempts, n.delivered_at, n.failed_at,
        n.last_error`;

/** What a channel was told, or is to be told, newest first. */
export function askNotifications(
  projectId: number,
  name: string,
  limit: number,
): PostgresQuestion<NotificationRow> {
  return {
    name: 'notifications',
    sql: `
      select ${NOTIFICATION}
      from notifications n join notification_channels c on c.channel_id = n.channel_id
      where c.project_id = $1 and c.name = $2
      order by n.notification_id desc limit $3`,
    params: [projectId, name, limit],
    row: notificationRow,
  };
}

/**
 * Puts a test into the outbox of a channel that is turned on; no row when there is no such channel. One that is still
 * waiting is the same test. Two at one moment are made one by the lock on the channel.
 */
export function queueTest(projectId: number, name: string): PostgresQuestion<NotificationRow> {
  return {
    name: 'queue-test',
    sql: `
      with channel as materialized (
        select channel_id, project_id from notification_channels
        where project_id = $1 and name = $2 and enabled
        for update
      ), waiting as (
        select n.* from notifications n join channel on channel.channel_id = n.channel_id
        where n.kind = 'test' and n.delivered_at is null and n.failed_at is null
        order by n.notification_id limit 1
      ), made as (
        insert into notifications (project_id, channel_id, kind, payload)
        select project_id, channel_id, 'test', '{}' from channel where not exists (select from waiting)
        returning *
      )
      select ${NOTIFICATION} from (select * from waiting union all select * from made) as n`,
    params: [projectId, name],
    row: notificationRow,
  };
}
