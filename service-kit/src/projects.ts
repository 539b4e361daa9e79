import type pg from 'pg';

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

/** The project of that name, made when there is none; resolves with its id. `timezone` is only for a new one; default UTC. */
export async function ensureProject(
  pool: pg.Pool,
  name: string,
  { timezone = 'UTC' }: { timezone?: string } = {},
): Promise<number> {
  await pool.query('insert into projects (name, timezone) values ($1, $2) on conflict (name) do nothing', [
    name,
    timezone,
  ]);
  const found = await pool.query<{ project_id: number }>('select project_id from projects where name = $1', [
    name,
  ]);
  return found.rows[0]!.project_id;
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
