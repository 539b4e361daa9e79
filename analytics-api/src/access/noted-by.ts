import type { FastifyRequest } from 'fastify';
import type { NotedChange } from '../query-port/change-postgres.js';

/** A change as it is noted: with the key that makes it, and from where. */
export function notedBy(
  request: FastifyRequest,
  action: NotedChange['action'],
  target: NotedChange['target'],
  state?: NotedChange['state'],
): NotedChange {
  const { owner, ip, id } = request;
  return {
    by: { kind: 'key', id: String(owner.keyId), address: ip, requestId: id },
    projectId: owner.project.projectId,
    action,
    target,
    ...(state === undefined ? {} : { state }),
  };
}
