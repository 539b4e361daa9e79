import {
  isStorableText,
  problemSchema,
  SluiceError,
  timelinePageSchema,
  userAnswerSchema,
  userPageSchema,
} from '@sluice/contracts';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { parseEventCursor } from '../events/event-cursor.js';
import { readTimelinePage } from '../events/read-event-page.js';
import { askMergedIds, askProfile, askUsers } from '../questions/users.js';
import { pageParameters, textParameter } from './parameters.js';

const path = z.object({
  id: textParameter.describe('A user id, an anonymous id, or an id that was merged away.'),
});
const SHOWN_IDENTITIES = 1_000;
const MAX_MERGED_IDS = 10_000;

/** `GET /v1/users`, one of them, and their timeline. */
export function registerUsers(app: ApiScope, context: ApiContext): void {
  const { runPostgres } = context;

  async function findProfile(projectId: number, id: string) {
    const { rows } = await runPostgres(askProfile(projectId, id));
    const profile = rows[0];
    if (profile === undefined) throw new SluiceError('user_not_found', { field: '/id' });
    return profile;
  }

  app.get(
    '/v1/users',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List people, or find them',
        querystring: z.strictObject({
          search: textParameter
            .max(256)
            .optional()
            .describe('What their id, email or name begins with, whatever the case.'),
          limit: pageParameters.limit,
          cursor: z.string().max(2_048).optional().describe('`next_cursor` of the page before.'),
        }),
        response: { 200: userPageSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request) => {
      const { search, limit, cursor } = request.query;
      const after = cursor === undefined ? undefined : readUserCursor(cursor);
      const { rows } = await runPostgres(
        askUsers(request.owner.project.projectId, { search, after, limit: limit + 1 }),
      );
      const shown = rows.slice(0, limit);
      return {
        users: shown.map((user) => ({
          ...user,
          first_seen: user.first_seen.toISOString(),
          last_seen: user.last_seen.toISOString(),
        })),
        next_cursor: rows.length > limit ? Buffer.from(shown.at(-1)!.user_id).toString('base64url') : null,
      };
    },
  );

  app.get(
    '/v1/users/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show a person',
        params: path,
        response: { 200: userAnswerSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const profile = await findProfile(projectId, request.params.id);
      const merged = await runPostgres(askMergedIds(projectId, profile.user_id, SHOWN_IDENTITIES));
      return {
        ...profile,
        asked_for: request.params.id,
        first_seen: profile.first_seen.toISOString(),
        last_seen: profile.last_seen.toISOString(),
        identities: merged.rows.map(({ previous_id, merged_at }) => ({
          previous_id,
          merged_at: merged_at.toISOString(),
        })),
      };
    },
  );

  app.get(
    '/v1/users/:id/timeline',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List what a person did, under all their ids, newest first',
        params: path,
        querystring: z.strictObject(pageParameters),
        response: { 200: timelinePageSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const { projectId } = request.owner.project;
      const { cursor, limit } = request.query;
      const { user_id } = await findProfile(projectId, request.params.id);
      const merged = await runPostgres(askMergedIds(projectId, user_id, MAX_MERGED_IDS + 1), {
        maxRows: MAX_MERGED_IDS,
      });
      const page = await readTimelinePage(
        {
          projectId,
          actorIds: [user_id, ...merged.rows.map(({ previous_id }) => previous_id)],
          before: cursor === undefined ? undefined : parseEventCursor(cursor),
          limit,
          signal: disconnectSignal(reply),
        },
        context,
      );
      return { user_id, ...page };
    },
  );
}

function readUserCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (id !== '' && isStorableText(id)) return id;
  throw new SluiceError('invalid_request', {
    message: 'This is no cursor of a page before.',
    field: '/cursor',
  });
}
