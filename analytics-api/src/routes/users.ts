import { problemSchema, SluiceError, timelinePageSchema, userAnswerSchema } from '@sluice/contracts';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { parseEventCursor } from '../events/event-cursor.js';
import { readTimelinePage } from '../events/read-event-page.js';
import { askMergedIds, askProfile } from '../questions/users.js';
import { pageParameters, textParameter } from './parameters.js';

const path = z.object({
  id: textParameter.describe('A user id, an anonymous id, or an id that was merged away.'),
});
const SHOWN_IDENTITIES = 1_000;
const MAX_MERGED_IDS = 10_000;

/** `GET /v1/users/:id` and its timeline. */
export function registerUsers(app: ApiScope, context: ApiContext): void {
  const { runPostgres } = context;

  async function findProfile(projectId: number, id: string) {
    const { rows } = await runPostgres(askProfile(projectId, id));
    const profile = rows[0];
    if (profile === undefined) throw new SluiceError('user_not_found', { field: '/id' });
    return profile;
  }

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
