/**
 * Where one session ends and the next begins, for clients and servers alike. A module of its own and without imports: a
 * browser carries it.
 */

/** The number of the day that an instant (milliseconds since the epoch) lies in, by the clocks of a place. */
export type LocalDayOf = (ms: number) => number;

/** A session as far as the rule asks. Times are milliseconds since the epoch. */
export interface SessionSpan {
  startMs: number;
  endMs: number;
  /** The campaign whose visit this is; null when it came by none. */
  campaign: string | null;
}

export const INACTIVITY_MS = 30 * 60_000;

/**
 * Whether what happens at an instant, at or after the start of a session, continues it: when at most 30 minutes have
 * passed since the session's end, both lie on one day, and it brings no other campaign.
 */
export function continuesSession(
  session: Pick<SessionSpan, 'endMs' | 'campaign'>,
  atMs: number,
  campaign: string | undefined,
  dayOf: LocalDayOf,
): boolean {
  return (
    atMs <= session.endMs + INACTIVITY_MS &&
    dayOf(session.endMs) === dayOf(atMs) &&
    (campaign === undefined || campaign === session.campaign)
  );
}

/** Name of the campaign that a visit came by, for telling sessions apart; undefined when it came by none. */
export function campaignKey(source = '', medium = '', name = ''): string | undefined {
  return source + medium + name === '' ? undefined : `${source}|${medium}|${name}`.slice(0, 200);
}
