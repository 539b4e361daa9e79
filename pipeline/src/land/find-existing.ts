import type pg from 'pg';
import type { PreparedMessage } from './prepare-batch.js';

/**
 * The keys (`project:event_id`) of the messages that have landed before. One index look-up for each message; the bounds
 * let the planner leave out the partitions of other days.
 */
export async function findExisting(
  client: pg.ClientBase,
  messages: readonly PreparedMessage[],
): Promise<Set<string>> {
  const existing = new Set<string>();
  for (const [projectId, ids] of idsByProject(messages)) {
    ids.sort();
    const found = await client.query<{ event_id: string }>({
      name: 'find-existing-events',
      text: `select e.event_id from unnest($2::uuid[]) as sent (event_id)
             join events e on e.project_id = $1 and e.event_id = sent.event_id
             where e.event_id between $3 and $4`,
      values: [projectId, `{${ids.join(',')}}`, ids[0], ids.at(-1)],
    });
    for (const row of found.rows) existing.add(`${projectId}:${row.event_id}`);
  }
  return existing;
}

function idsByProject(messages: readonly PreparedMessage[]): Map<number, string[]> {
  const byProject = new Map<number, string[]>();
  for (const { projectId, eventId } of messages) {
    const ids = byProject.get(projectId);
    if (ids === undefined) byProject.set(projectId, [eventId]);
    else ids.push(eventId);
  }
  return byProject;
}
