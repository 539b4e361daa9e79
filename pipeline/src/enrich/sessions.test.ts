import { INACTIVITY_MS } from '@sluice/contracts/sessions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLocalDays } from './local-day.js';
import { fromStored, stepSession, toStored, type Session, type SessionEvent } from './sessions.js';

const MINUTE_MS = 60_000;
const dayOf = createLocalDays('Europe/Berlin');
const start = Date.UTC(2026, 10, 23, 8);

function run(events: readonly SessionEvent[], remembered: readonly Session[] = []) {
  const ids: string[] = [];
  let sessions = remembered;
  for (const event of events) {
    const step = stepSession(sessions, event, dayOf);
    ids.push(step.sessionId);
    sessions = step.remembered;
  }
  return { ids, sessions };
}

const event = (minutes: number, more: Partial<SessionEvent> = {}): SessionEvent => ({
  eventId: `at-${minutes}`,
  timestampMs: start + minutes * MINUTE_MS,
  campaign: undefined,
  namedSessionId: undefined,
  ...more,
});

/** Events of a device around a midnight, with campaigns, numbered in the order of arrival. */
const arrivals = fc
  .array(
    fc.record({
      minute: fc.integer({ min: 0, max: 24 * 60 }),
      campaign: fc.constantFrom(undefined, undefined, undefined, 'a', 'b'),
    }),
    { maxLength: 14 },
  )
  .map((drawn) =>
    drawn.map(({ minute, campaign }, index) => ({
      ...event(minute + index / 100, { campaign }),
      eventId: `e${index}`,
    })),
  );

/** Sessions by their definition, for events in order: one pass that asks only for the event before. */
function bruteForce(events: readonly SessionEvent[]): string[] {
  const ids: string[] = [];
  let campaign: string | null = null;
  for (const [index, current] of events.entries()) {
    const before = events[index - 1];
    const isNew =
      before === undefined ||
      current.timestampMs - before.timestampMs > INACTIVITY_MS ||
      dayOf(current.timestampMs) !== dayOf(before.timestampMs) ||
      (current.campaign !== undefined && current.campaign !== campaign);
    if (isNew) campaign = current.campaign ?? null;
    ids.push(isNew ? current.eventId : ids[index - 1]!);
  }
  return ids;
}

describe('stepSession', () => {
  it('gives events in order the sessions of their definition', () => {
    fc.assert(
      fc.property(arrivals, (drawn) => {
        const events = [...drawn].sort((a, b) => a.timestampMs - b.timestampMs);
        expect(run(events).ids).toEqual(bruteForce(events));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same sessions however arrivals are cut into batches', () => {
    fc.assert(
      fc.property(arrivals, fc.nat(14), (events, cut) => {
        const first = run(events.slice(0, cut));
        const stored = first.sessions.map(toStored).map(fromStored);
        const second = run(events.slice(cut), stored);
        expect([...first.ids, ...second.ids]).toEqual(run(events).ids);
      }),
    );
  });

  it('never opens a session for a late event that has one, nor spans two days or campaigns', () => {
    fc.assert(
      fc.property(arrivals, (events) => {
        const { ids } = run(events);
        const members = new Map<string, SessionEvent[]>();
        for (const [index, id] of ids.entries()) {
          const opened = members.get(id) ?? [];
          members.set(id, [...opened, events[index]!]);
        }
        for (const session of members.values()) {
          expect(new Set(session.map(({ timestampMs }) => dayOf(timestampMs))).size).toBe(1);
          const campaigns = session.flatMap(({ campaign }) => campaign ?? []);
          expect(new Set(campaigns).size).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('joins an event to the session that it falls into or within 30 minutes of, at either end', () => {
    expect(run([event(0), event(30), event(60.01)]).ids).toEqual(['at-0', 'at-0', 'at-60.01']);
    expect(run([event(0), event(20), event(10)]).ids).toEqual(['at-0', 'at-0', 'at-0']);
    expect(run([event(60), event(30)]).ids).toEqual(['at-60', 'at-60']);
    expect(run([event(60), event(29)]).ids).toEqual(['at-60', 'at-29']);
  });

  it('ends a session at midnight of the project, not of UTC', () => {
    // Berlin's midnight is 23:00 UTC in November.
    const late = 15 * 60 - 5;
    expect(run([event(late), event(late + 4), event(late + 6)]).ids).toEqual([
      `at-${late}`,
      `at-${late}`,
      `at-${late + 6}`,
    ]);
  });

  it('starts anew with another campaign and goes on without one', () => {
    const events = [event(0), event(1, { campaign: 'a' }), event(2), event(3, { campaign: 'b' })];
    expect(run(events).ids).toEqual(['at-0', 'at-1', 'at-1', 'at-3']);
  });

  it('takes the session that the client names, for as long as it names it', () => {
    const named = { namedSessionId: 'n' };
    expect(run([event(0, named), event(500, named), event(510)]).ids).toEqual(['n', 'n', 'n']);
  });

  it('forgets the oldest sessions first, and never the one just opened', () => {
    const many = Array.from({ length: 20 }, (_, i) => event(1_000 + i * 40));
    const { sessions } = run(many);
    expect(run([event(0), event(1)], sessions).ids).toEqual(['at-0', 'at-0']);
  });
});
