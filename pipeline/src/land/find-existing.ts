import type pg from 'pg';
import type { PreparedMessage } from './prepare-batch.js';

/**
 * The keys (`project:event_id`) of the messages that have landed before. The index is gone through once, in order; the
 * bounds leave out the partitions of other days. (A join with the ids costs six times as much.)
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
      text: `select event_id from events
             where project_id = $1 and event_id = any ($2::uuid[]) and event_id between $3 and $4`,
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
