import { checkProperties, type PlanEvents, type PlanMode } from '@sluice/contracts';
import type pg from 'pg';

export interface TrafficRange {
  projectId: number;
  /** Times of receipt, ISO 8601. */
  from: string;
  to: string;
  /** Events looked at, at most. Default: all. */
  limit?: number | undefined;
}

export interface Violation {
  event: string;
  /** JSON pointer into the message. */
  field: string;
  reason: string;
  events: number;
  /** Ids of a few of them. */
  samples: string[];
}

export interface TrafficCheck {
  mode: PlanMode;
  from: string;
  to: string;
  checked: number;
  /** Events that follow the plan, or that it says nothing of. */
  followed: number;
  warned: number;
  blocked: number;
  /** Most frequent first. */
  violations: Violation[];
}

const ROWS_PER_FETCH = 2_000;
const SAMPLES = 3;

/** Puts track events that were received in a range to a plan, one after the other, and says what would become of them. */
export async function checkTraffic(
  client: pg.ClientBase,
  range: TrafficRange,
  { plan, mode }: { plan: PlanEvents; mode: PlanMode },
  onProgress: (checked: number) => void = () => undefined,
): Promise<TrafficCheck> {
  const violations = new Map<string, Violation>();
  let checked = 0;
  let violating = 0;
  await client.query('begin read only');
  await client.query(
    `declare traffic no scroll cursor for
     select event_id, event, message -> 'properties' as properties from events
     where project_id = $1 and type = 'track' and received_at >= $2 and received_at < $3 limit $4`,
    [range.projectId, range.from, range.to, range.limit ?? null],
  );
  for (;;) {
    const found = await client.query<{ event_id: string; event: string; properties: unknown }>(
      `fetch ${ROWS_PER_FETCH} from traffic`,
    );
    for (const { event_id: eventId, event, properties } of found.rows) {
      checked += 1;
      const faults = checkProperties(plan, event, properties ?? {});
      if (faults.length > 0) violating += 1;
      for (const { field = '', message } of faults) noteViolation(violations, eventId, event, field, message);
    }
    onProgress(checked);
    if (found.rows.length < ROWS_PER_FETCH) break;
  }
  await client.query('commit');
  return {
    mode,
    from: range.from,
    to: range.to,
    checked,
    followed: checked - violating,
    warned: mode === 'warn' ? violating : 0,
    blocked: mode === 'block' ? violating : 0,
    violations: [...violations.values()].sort((a, b) => b.events - a.events),
  };
}

function noteViolation(
  violations: Map<string, Violation>,
  eventId: string,
  event: string,
  field: string,
  reason: string,
): void {
  const key = JSON.stringify([event, field, reason]);
  let violation = violations.get(key);
  if (violation === undefined) {
    violation = { event, field, reason, events: 0, samples: [] };
    violations.set(key, violation);
  }
  violation.events += 1;
  if (violation.samples.length < SAMPLES) violation.samples.push(eventId);
}
