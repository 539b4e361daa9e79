import { campaignKey, continuesSession, type SessionSpan } from '@sluice/contracts/sessions';
import type { Session } from '../core/analytics.js';
import type { Storage } from './storage.js';

const KEY = 'session';
/** The end of a session is told to other tabs this often at most. */
const GRAIN_MS = 1_000;

/** The visitor's session, shared by all tabs, by the rule that servers keep, too; days are those of the device. */
export function createSession(
  storage: Storage,
  createId: () => string,
  readCampaign: () => Record<string, string>,
): Session {
  type Stored = Pick<SessionSpan, 'endMs' | 'campaign'> & { id: string };
  const read = (): Stored | undefined => storage.read(KEY) as Stored | undefined;

  return {
    get id() {
      return read()?.id;
    },
    touch(atMs) {
      const { source, medium, name } = readCampaign();
      const campaign = campaignKey(source, medium, name);
      let session = read();
      if (!session || !continuesSession(session, atMs, campaign, startOfDay)) {
        session = { id: createId(), endMs: 0, campaign: campaign ?? null };
      }
      if (atMs >= session.endMs + GRAIN_MS) {
        session.endMs = atMs;
        storage.write(KEY, session);
      }
      return session.id;
    },
    reset: () => storage.remove(KEY),
  };
}

function startOfDay(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}
