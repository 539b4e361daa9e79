import { ADMIN_ACTIONS, adminActionPageSchema, problemSchema, type AdminAction } from '@sluice/contracts';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.js';
import { askAdminActions, type AdminActionRow } from '../questions/admin-actions.js';
import { instantParameter, pageParameters, textParameter } from './parameters.js';

/** `GET /v1/admin-actions`: what was changed in the project, by whom and from where. */
export function registerAdminActions(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/admin-actions',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'List what administrators did to the project, newest first',
        description:
          'Digests tell whether two states are the same: what one change leaves behind is what the next one finds.',
        querystring: z.strictObject({
          action: z.enum(ADMIN_ACTIONS).optional(),
          target: textParameter.optional(),
          from: instantParameter.optional(),
          to: instantParameter.optional().describe('End; not included.'),
          limit: pageParameters.limit,
          cursor: z
            .string()
            .regex(/^\d{1,15}$/, 'is malformed')
            .optional(),
        }),
        response: { 200: adminActionPageSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request) => {
      const { action = null, target = null, from = null, to = null, limit, cursor } = request.query;
      const before = cursor === undefined ? null : Number(cursor);
      const page = { action, target, from, to, before, limit: limit + 1 };
      const { rows } = await context.runPostgres(askAdminActions(request.owner.project.projectId, page));
      const shown = rows.slice(0, limit);
      return {
        actions: shown.map(actionOf),
        next_cursor: rows.length > limit ? String(shown.at(-1)!.action_id) : null,
      };
    },
  );
}

function actionOf({ actor_kind: kind, actor: id, at, ...row }: AdminActionRow): AdminAction {
  return { ...row, at: at.toISOString(), actor: { kind, id } };
}
