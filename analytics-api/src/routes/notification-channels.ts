import {
  channelDetailSchema,
  channelInputSchema,
  channelListSchema,
  channelSchema,
  nameSchema,
  notificationSchema,
  problemSchema,
  SluiceError,
  type Channel,
  type Notification,
} from '@sluice/contracts';
import { z } from 'zod';
import { notedBy } from '../access/noted-by.js';
import type { ApiContext, ApiScope } from '../api-context.js';
import {
  askChannels,
  askChannelState,
  askNotifications,
  deleteChannel,
  queueTest,
  saveChannel,
  type ChannelRow,
  type NotificationRow,
} from '../questions/notification-channels.js';

const path = z.strictObject({ name: nameSchema });
const faults = { '4xx': problemSchema, '5xx': problemSchema };
const MAX_CHANNELS = 50;
const MAX_NOTIFICATIONS = 50;

/**
 * `/v1/notification-channels`: who is told. Addresses are nobody's business who only reads: all of it needs an admin key.
 * What opens a channel, its secret and its address, is never shown again.
 */
export function registerNotificationChannels(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres } = context;

  app.get(
    '/v1/notification-channels',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'List where notifications go',
        response: { 200: channelListSchema, ...faults },
      },
    },
    async (request) => {
      const { rows } = await runPostgres(askChannels(request.owner.project.projectId));
      return { channels: rows.map(channelOf) };
    },
  );

  app.get(
    '/v1/notification-channels/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Show a channel and what it was told last',
        params: path,
        response: { 200: channelDetailSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { name } = request.params;
      const row = await find(projectId, name);
      const { rows } = await runPostgres(askNotifications(projectId, name, MAX_NOTIFICATIONS));
      return { ...channelOf(row), notifications: rows.map(notificationOf) };
    },
  );

  app.put(
    '/v1/notification-channels/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Make a channel, or make it anew',
        params: path,
        body: channelInputSchema,
        response: { 200: channelSchema, ...faults },
      },
    },
    async (request) => {
      const { body } = request;
      const { projectId } = request.owner.project;
      const { name } = request.params;
      const { rows } = await changePostgres(
        saveChannel(
          projectId,
          name,
          {
            kind: body.kind,
            min_severity: body.min_severity,
            delivery: body.delivery,
            enabled: body.enabled,
            target: body.kind === 'email' ? { addresses: body.addresses } : { url: body.url },
            secret: body.kind === 'webhook' ? body.secret : null,
          },
          MAX_CHANNELS,
        ),
        notedBy(request, 'channel.save', name, askChannelState(projectId, name)),
      );
      if (rows[0] === undefined) {
        throw new SluiceError('too_many_channels', { message: `${MAX_CHANNELS} channels are the limit.` });
      }
      return channelOf(rows[0]);
    },
  );

  app.delete(
    '/v1/notification-channels/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Delete a channel, with what it was still to be told',
        params: path,
        response: { 200: z.object({ deleted: nameSchema }), ...faults },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { projectId } = request.owner.project;
      const { rows } = await changePostgres(
        deleteChannel(projectId, name),
        notedBy(request, 'channel.delete', name, askChannelState(projectId, name)),
      );
      if (rows[0] === undefined) throw missing(name);
      return { deleted: name };
    },
  );

  app.post(
    '/v1/notification-channels/:name/test',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Send a test to a channel',
        description:
          'It is sent as any notification is; how that went is shown with the channel. A test that still waits is not made twice.',
        params: path,
        response: { 202: notificationSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { projectId } = request.owner.project;
      const { name } = request.params;
      const { rows } = await changePostgres(
        queueTest(projectId, name),
        notedBy(request, 'channel.test', name),
      );
      if (rows[0] === undefined) {
        await find(projectId, name);
        throw new SluiceError('channel_disabled', { field: '/name' });
      }
      return reply.status(202).send(notificationOf(rows[0]));
    },
  );

  async function find(projectId: number, name: string): Promise<ChannelRow> {
    const { rows } = await runPostgres(askChannels(projectId, name));
    if (rows[0] === undefined) throw missing(name);
    return rows[0];
  }
}

function missing(name: string): SluiceError {
  return new SluiceError('channel_not_found', {
    message: `There is no notification channel ${name}.`,
    field: '/name',
  });
}

function channelOf({ target, ...row }: ChannelRow): Channel {
  return {
    ...row,
    host: target.url === undefined ? null : new URL(target.url).host,
    addresses: target.addresses ?? null,
    created_at: row.created_at.toISOString(),
  };
}

function notificationOf(row: NotificationRow): Notification {
  return {
    ...row,
    created_at: row.created_at.toISOString(),
    delivered_at: row.delivered_at?.toISOString() ?? null,
    failed_at: row.failed_at?.toISOString() ?? null,
  };
}
