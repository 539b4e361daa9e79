import { z } from 'zod';

/** What an administrator can do, by its name in the list of actions. */
export const ADMIN_ACTIONS = [
  'key.create',
  'key.revoke',
  'project.create',
  'project.change',
  'plan.change',
  'person.erase',
  'person.export',
  'watch.save',
  'watch.delete',
  'channel.save',
  'channel.delete',
  'channel.test',
  'saved_query.save',
  'saved_query.delete',
  'cohort.save',
  'cohort.delete',
  'annotation.add',
  'annotation.delete',
  'anomaly.acknowledge',
  'anomaly.snooze',
  'anomaly.feedback',
  'churn_definition.save',
  'churn.run',
  'dead_letters.replay',
  'rollups.rebuild',
  'users.create',
] as const;
export type AdminActionName = (typeof ADMIN_ACTIONS)[number];

export const ACTOR_KINDS = ['key', 'command', 'service'] as const;

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .nullable();

export const adminActionSchema = z.object({
  action_id: z.int(),
  at: z.iso.datetime(),
  actor: z.object({
    kind: z.enum(ACTOR_KINDS),
    id: z.string().describe('Id of the key, `user@host` of a command, or the name of the service.'),
  }),
  action: z.string(),
  target: z.string(),
  before_digest: digest.describe('SHA-256 of what it was; null: there was nothing.'),
  after_digest: digest.describe('SHA-256 of what it is now; null: there is nothing.'),
  details: z.record(z.string(), z.unknown()),
  address: z.string().nullable().describe('Where it came from.'),
  request_id: z.string().nullable(),
});
export type AdminAction = z.infer<typeof adminActionSchema>;

export const adminActionPageSchema = z.object({
  actions: z.array(adminActionSchema),
  next_cursor: z.string().nullable(),
});
