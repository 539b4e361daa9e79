import type { Query } from '@sluice/contracts';
import { createHash } from 'node:crypto';
import type { DataView } from '../ask/query-scope.js';
import { resolveRange, zoneOf } from '../time/range.js';

const MINUTE_MS = 60_000;

/**
 * A text that changes whenever the answer to a question may: an entity tag. It is made of the question in its normal form,
 * of the state of the data and how far it is complete, of the days that "today" means, and of the cohorts it names.
 *
 * Who is in a live cohort, and who is here now, depends on the clock, so that such an answer is good for its minute.
 */
export function answerVersion(query: Query, form: string, view: DataView): string {
  const dependsOnClock =
    query.kind === 'live' || [...view.cohorts.values()].some(({ kind }) => kind === 'live');
  const range =
    query.kind === 'live'
      ? null
      : resolveRange(query, zoneOf(query.timezone ?? view.projectTimezone), view.nowMs);
  const hash = createHash('sha256');
  for (const part of [
    form,
    query,
    view.projectId,
    view.projectTimezone,
    view.database,
    view.dataVersion,
    view.completeThroughMs ?? null,
    range,
    // What lies ahead of the clock does not keep an answer from being complete.
    range === null || view.completeThroughMs === undefined ? null : view.nowMs <= view.completeThroughMs,
    dependsOnClock ? Math.floor(view.nowMs / MINUTE_MS) : null,
    view.watchState ?? null,
    [...view.cohorts].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]) {
    hash.update(JSON.stringify(part)).update('\n');
  }
  // Weak: two answers with one tag say the same, and differ in how long they took.
  return `W/"${hash.digest('base64url').slice(0, 27)}"`;
}

/** Whether an If-None-Match names a version (RFC 9110, 13.1.2: compared weakly). */
export function isKnownVersion(header: string | undefined, version: string): boolean {
  if (header === undefined) return false;
  const strong = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => strong(tag) === strong(version));
}
