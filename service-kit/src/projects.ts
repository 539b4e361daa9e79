import type pg from 'pg';
import { commandActor, recordAdminAction, type AdminActor } from './admin-actions.js';
import { inTransaction } from './in-transaction.js';

/** What a project has chosen. */
export interface ProjectSettings {
  projectId: number;
  name: string;
  /** IANA zone whose midnight ends sessions. */
  timezone: string;
  ipPolicy: 'truncate' | 'keep' | 'discard';
  planMode: 'off' | 'warn' | 'block';
  /** Event name -> JSON Schema of its properties. */
  trackingPlan: Record<string, Record<string, unknown>>;
}

interface ProjectRow {
  project_id: number;
  name: string;
  timezone: string;
  ip_policy: ProjectSettings['ipPolicy'];
  plan_mode: ProjectSettings['planMode'];
  tracking_plan: ProjectSettings['trackingPlan'];
}

export const PROJECT_COLUMNS = 'p.project_id, p.name, p.timezone, p.ip_policy, p.plan_mode, p.tracking_plan';

export function projectFromRow(row: ProjectRow): ProjectSettings {
  return {
    projectId: row.project_id,
    name: row.name,
    timezone: row.timezone,
    ipPolicy: row.ip_policy,
    planMode: row.plan_mode,
    trackingPlan: row.tracking_plan,
  };
}

/**
 * The project of that name; made, and noted who made it, when there is none. Resolves with its id. `timezone` is only for
 * a new one; default UTC. `by` is left out by commands.
 */
export async function ensureProject(
  pool: pg.Pool,
  name: string,
  { timezone = 'UTC', by = commandActor() }: { timezone?: string; by?: AdminActor } = {},
): Promise<number> {
  const find = async (): Promise<number | undefined> => {
    const found = await pool.query<{ project_id: number }>(
      'select project_id from projects where name = $1',
      [name],
    );
    return found.rows[0]?.project_id;
  };
  const made = async (): Promise<number | undefined> =>
    inTransaction(pool, async (client) => {
      const result = await client.query<{ project_id: number }>(
        `insert into projects (name, timezone) values ($1, $2)
         on conflict (name) do nothing returning project_id`,
        [name, timezone],
      );
      const projectId = result.rows[0]?.project_id;
      if (projectId === undefined) return undefined;
      await recordAdminAction(client, {
        by,
        action: 'project.create',
        target: name,
        projectId,
        after: { name, timezone },
      });
      return projectId;
    });
  // Two at once: the one that comes second finds what the first has made.
  return (await find()) ?? (await made()) ?? (await find())!;
}

export interface ProjectStore {
  /** Settings of a project, at most `ttlMs` old; undefined when there is no such project. */
  get(projectId: number): Promise<ProjectSettings | undefined>;
}

export function createProjectStore(options: {
  pool: pg.Pool;
  ttlMs?: number;
  now?: () => number;
}): ProjectStore {
  const { pool, ttlMs = 5_000, now = Date.now } = options;
  const cache = new Map<number, { readAtMs: number; project: Promise<ProjectSettings | undefined> }>();

  async function read(projectId: number): Promise<ProjectSettings | undefined> {
    const result = await pool.query<ProjectRow>(
      `select ${PROJECT_COLUMNS} from projects p where p.project_id = $1`,
      [projectId],
    );
    return result.rows[0] === undefined ? undefined : projectFromRow(result.rows[0]);
  }

  return {
    async get(projectId) {
      const known = cache.get(projectId);
      if (known !== undefined && now() - known.readAtMs < ttlMs) return known.project;
      const entry = { readAtMs: now(), project: read(projectId) };
      cache.set(projectId, entry);
      try {
        return await entry.project;
      } catch (error) {
        if (cache.get(projectId) === entry) cache.delete(projectId);
        throw error;
      }
    },
  };
}
