import {
  problemSchema,
  SluiceError,
  timelinePageSchema,
  userAnswerSchema,
  userPageSchema,
} from '@sluice/contracts';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { readPersonChurn } from '../churn/person-churn.js';
import {
  formatFoundCursor,
  formatListCursor,
  parseFoundCursor,
  parseListCursor,
} from '../discovery/user-cursor.js';
import { parseEventCursor } from '../events/event-cursor.js';
import { readTimelinePage } from '../events/read-event-page.js';
import { askFoundUsers } from '../questions/find-users.js';
import { askAllIds, askMergedIds, askProfile, askUsers, type ListedUser } from '../questions/users.js';
import { pageParameters, textParameter } from './parameters.js';

const path = z.object({
  id: textParameter.describe('A user id, an anonymous id, or an id that was merged away.'),
});
const SHOWN_IDENTITIES = 1_000;
const MAX_MERGED_IDS = 10_000;
/** Room for an id and a text of any letters. */
const MAX_CURSOR_LENGTH = 8_192;

/** `GET /v1/users`, one of them, and their timeline. */
export function registerUsers(app: ApiScope, context: ApiContext): void {
  const { runPostgres } = context;

  async function listPage(projectId: number, { limit, cursor }: PageRequest) {
    const after = cursor === undefined ? undefined : parseListCursor(cursor);
    const { rows } = await runPostgres(askUsers(projectId, { after, limit: limit + 1 }));
    const shown = rows.slice(0, limit);
    return {
      users: shown.map(listedUser),
      next_cursor: rows.length > limit ? formatListCursor(shown.at(-1)!.user_id) : null,
    };
  }

  async function findPage(projectId: number, search: string, { limit, cursor }: PageRequest) {
    const after = cursor === undefined ? undefined : parseFoundCursor(cursor);
    const { rows } = await runPostgres(askFoundUsers(projectId, { search, after, limit: limit + 1 }));
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      users: shown.map(listedUser),
      next_cursor:
        rows.length > limit && last !== undefined
          ? formatFoundCursor({ place: last.place, found: last.found, userId: last.user_id })
          : null,
    };
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
            .describe(
              'What their id, email or name begins with, whatever the case: first those whose id does, then by email, then by name, each in the order of that text.',
            ),
          limit: pageParameters.limit,
          cursor: z.string().max(MAX_CURSOR_LENGTH).optional().describe('`next_cursor` of the page before.'),
        }),
        response: { 200: userPageSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { search, ...page } = request.query;
      return search === undefined ? listPage(projectId, page) : findPage(projectId, search, page);
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
    async (request, reply) => {
      const { projectId } = request.owner.project;
      const { id } = request.params;
      const signal = disconnectSignal(reply);
      const [found, merged] = await Promise.all([
        runPostgres(askProfile(projectId, id)),
        runPostgres(askMergedIds(projectId, id, SHOWN_IDENTITIES)),
      ]);
      const profile = found.rows[0];
      if (profile === undefined) throw new SluiceError('user_not_found', { field: '/id' });
      return {
        ...profile,
        asked_for: id,
        first_seen: profile.first_seen.toISOString(),
        last_seen: profile.last_seen.toISOString(),
        identities: merged.rows.map(({ previous_id, merged_at }) => ({
          previous_id,
          merged_at: merged_at.toISOString(),
        })),
        churn: await readPersonChurn(projectId, profile.user_id, signal, context),
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
      const signal = disconnectSignal(reply);
      const before = cursor === undefined ? undefined : parseEventCursor(cursor);
      const [ids, completeness] = await Promise.all([
        runPostgres(askAllIds(projectId, request.params.id, MAX_MERGED_IDS + 1), {
          maxRows: MAX_MERGED_IDS,
          signal,
        }),
        context.readCompleteness(projectId, { signal }),
      ]);
      const user_id = ids.rows[0]?.user_id;
      if (user_id === undefined) throw new SluiceError('user_not_found', { field: '/id' });
      const merged = ids.rows.flatMap(({ previous_id }) => previous_id ?? []);
      const page = await readTimelinePage(
        {
          projectId,
          actorIds: [user_id, ...merged],
          completeness,
          before,
          limit,
          signal,
        },
        context,
      );
      return { user_id, ...page };
    },
  );
}

interface PageRequest {
  limit: number;
  cursor?: string | undefined;
}

function listedUser(user: ListedUser) {
  const { user_id, first_seen, last_seen, events, traits } = user;
  return {
    user_id,
    first_seen: first_seen.toISOString(),
    last_seen: last_seen.toISOString(),
    events,
    traits,
  };
}
