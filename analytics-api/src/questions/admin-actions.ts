import { ACTOR_KINDS } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({
  action_id: z.int(),
  at: z.date(),
  actor_kind: z.enum(ACTOR_KINDS),
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  before_digest: z.string().nullable(),
  after_digest: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
  address: z.string().nullable(),
  request_id: z.string().nullable(),
});
export type AdminActionRow = z.infer<typeof row>;

/** What was done to a project, newest first; null leaves a filter out. */
export function askAdminActions(
  projectId: number,
  page: {
    action: string | null;
    target: string | null;
    from: string | null;
    to: string | null;
    before: number | null;
    limit: number;
  },
): PostgresQuestion<AdminActionRow> {
  return {
    name: 'admin-actions',
    sql: `
      select action_id, at, actor_kind, actor, action, target, encode(before_digest, 'hex') as before_digest,
        encode(after_digest, 'hex') as after_digest, details, address, request_id
      from admin_actions
      where project_id = $1 and ($2::text is null or action = $2) and ($3::text is null or target = $3)
        and ($4::timestamptz is null or at >= $4) and ($5::timestamptz is null or at < $5)
        and ($6::bigint is null or action_id < $6)
      order by action_id desc limit $7`,
    params: [projectId, page.action, page.target, page.from, page.to, page.before, page.limit],
    row,
  };
}
