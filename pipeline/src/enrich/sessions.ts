import {
  continuesSession,
  INACTIVITY_MS,
  type LocalDayOf,
  type SessionSpan,
} from '@sluice/contracts/sessions';

/** A session as a device remembers it. */
export interface Session extends SessionSpan {
  id: string;
}

export interface SessionEvent {
  eventId: string;
  timestampMs: number;
  campaign: string | undefined;
  /** The session that the client itself says this belongs to. */
  namedSessionId: string | undefined;
}

/** How many sessions a device remembers, so that late events find theirs. */
export const REMEMBERED = 16;

/**
 * Finds the session of an event among those its device remembers, oldest first, and returns what the device remembers
 * afterwards. A pure step: the same events in the same order give the same sessions, however they are cut into batches.
 *
 * An event belongs to the session before it in time (the last that started at or before it) when it continues it, days
 * being those of the project's zone. Else to the session after it, by the same gap and day, when both came by the same campaign: a late event extends its session
 * backwards. Else it opens one, named after its own id. Sessions are never merged: their ids are already in the answers.
 */
export function stepSession(
  remembered: readonly Session[],
  event: SessionEvent,
  dayOf: LocalDayOf,
): { sessionId: string; remembered: readonly Session[] } {
  const { timestampMs: at } = event;
  if (event.namedSessionId !== undefined) {
    const index = remembered.findIndex((session) => session.id === event.namedSessionId);
    if (index !== -1) return joined(remembered, index, at);
    return opened(remembered, event, event.namedSessionId);
  }
  let before = -1;
  let after = -1;
  for (const [index, session] of remembered.entries()) {
    if (session.startMs <= at) before = index;
    else if (after === -1) after = index;
  }
  const previous = remembered[before];
  if (previous !== undefined && continuesSession(previous, at, event.campaign, dayOf)) {
    return joined(remembered, before, at);
  }
  const next = remembered[after];
  if (
    next !== undefined &&
    next.startMs - at <= INACTIVITY_MS &&
    dayOf(next.startMs) === dayOf(at) &&
    (event.campaign ?? null) === next.campaign
  ) {
    return joined(remembered, after, at);
  }
  return opened(remembered, event, event.eventId);
}

function joined(
  remembered: readonly Session[],
  index: number,
  at: number,
): { sessionId: string; remembered: readonly Session[] } {
  const session = remembered[index]!;
  const sessionId = session.id;
  if (at > session.endMs) {
    return { sessionId, remembered: remembered.with(index, { ...session, endMs: at }) };
  }
  if (at >= session.startMs) return { sessionId, remembered };
  return { sessionId, remembered: sorted(remembered.with(index, { ...session, startMs: at })) };
}

function opened(
  remembered: readonly Session[],
  event: SessionEvent,
  id: string,
): { sessionId: string; remembered: readonly Session[] } {
  const { timestampMs: at, campaign = null } = event;
  // The oldest is forgotten, but never the one just opened: the next late event belongs to it.
  const kept = remembered.length < REMEMBERED ? remembered : remembered.slice(1);
  return { sessionId: id, remembered: sorted([...kept, { id, startMs: at, endMs: at, campaign }]) };
}

/** By start; sessions that start together keep the order in which they were opened. */
function sorted(sessions: Session[]): Session[] {
  return sessions.sort((a, b) => a.startMs - b.startMs);
}

/** As it is stored with a device: `[id, start, end, campaign]`. */
export type StoredSession = [string, number, number, string | null];

export function toStored(session: Session): StoredSession {
  return [session.id, session.startMs, session.endMs, session.campaign];
}

export function fromStored([id, startMs, endMs, campaign]: StoredSession): Session {
  return { id, startMs, endMs, campaign };
}
