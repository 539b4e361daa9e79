import { createCore, type Core, type CorePorts } from '../core/analytics.js';
import { redactUrl } from '../core/redaction.js';
import { CLOSED, createBreaker, type BreakerState } from '../core/retry-policy.js';
import { createSender } from '../core/sender.js';
import type { Timers } from '../core/timers.js';
import type { ConsentStatus, DeliveryReport, EventMap } from '../core/types.js';
import { createUuidV7Source } from '../core/uuid-v7.js';
import type { Plan, PlannedEvents } from '../plan/plan.js';
import { createPageContext } from './context.js';
import { createExclusive } from './exclusive.js';
import { createIdentity } from './identity.js';
import { createMessageStore, type MessageStore } from './message-store.js';
import { decideConsent } from './privacy.js';
import { createSession } from './session.js';
import { BROWSER_DEFAULTS, type BrowserAnalytics, type BrowserSettings } from './settings.js';
import { createStorage } from './storage.js';
import { createStoredOutbox } from './stored-outbox.js';
import { createTransport } from './transport.js';

export type * from '../core/types.js';
export type { EventsOf, Plan, PlannedAnalytics } from '../plan/plan.js';
export type { BrowserAnalytics, BrowserSettings } from './settings.js';

/** How long an answer may take. */
const TIMEOUT_MS = 10_000;
/** Longer than any request of a page that was left takes. */
const LEASE_MS = 15_000;
/** So that a request outlives the page whenever nothing else is in the air. */
const MAX_BATCH_BYTES = 60_000;

/**
 * Starts tracking. Never throws: where it cannot work (on a server, without a key) it returns analytics whose calls do
 * nothing, and tells `onError` why.
 */
export function init<Events extends EventMap = EventMap>(
  settings: BrowserSettings,
): BrowserAnalytics<Events> {
  try {
    if (typeof document === 'undefined') throw new Error('not in a browser');
    if (!settings.writeKey || !settings.host) throw new Error('needs writeKey and host');
    return start(settings);
  } catch (error) {
    return startInert(settings, error);
  }
}

/**
 * `init`, with the events of a tracking plan. The plan is imported as a type: nothing of it, or of the library it is
 * written with, is in the bundle.
 *
 *     import type { plan } from './plan';
 *     const analytics = createAnalytics<typeof plan>({ writeKey, host });
 */
export const createAnalytics: <P extends Plan = never>(
  settings: BrowserSettings,
) => BrowserAnalytics<PlannedEvents<P>> = init;

/** What pages of an origin tell each other. */
type News = { reports: DeliveryReport[] } | { consent: ConsentStatus };

function start(given: BrowserSettings): BrowserAnalytics {
  const settings = { ...BROWSER_DEFAULTS, ...given };
  const { writeKey, cookieless: isCookieless, flushAt, flushIntervalMs } = settings;
  const name = `sluice:${writeKey}`;
  const now = (): number => Date.now();
  const createId = createUuidV7Source(now);
  const storage = createStorage(isCookieless ? undefined : name);
  const { readContext, readCampaign } = createPageContext();
  const transport = createTransport(settings.host);
  const exclusive = createExclusive(name, storage, { now, createId });
  const timers: Timers = {
    now,
    set: (callback, delayMs) => setTimeout(callback, delayMs),
    clear: (timer) => clearTimeout(timer as number),
  };
  const breakerStore = {
    read: () => (storage.read('breaker') ?? CLOSED) as BreakerState,
    write: (state: BreakerState) => storage.write('breaker', state),
  };
  const ending = new AbortController();
  let store: MessageStore | undefined;
  let channel: BroadcastChannel | undefined;

  function tellOthers(news: News): void {
    channel?.postMessage(news);
  }

  function listen(): void {
    channel ??= new BroadcastChannel(name);
    channel.onmessage = ({ data }: MessageEvent<News>) => {
      if ('reports' in data) core.takeReports(data.reports);
      else takeConsent(data.consent);
    };
  }

  /** A refusal is remembered, too: it is the one thing that is then stored. */
  function takeConsent(consent: ConsentStatus): void {
    core.setConsent(consent);
    storage.write('consent', consent, true);
  }

  const core: Core = createCore(settings, {
    now,
    createId,
    readContext,
    identity: createIdentity(storage, createId, isCookieless ? undefined : (settings.cookieDomain ?? '')),
    session: createSession(storage, createId, readCampaign),
    isAnonymous: isCookieless,
    initialConsent: decideConsent(storage.read('consent') as ConsentStatus | undefined, settings),
    onConsent(consent) {
      takeConsent(consent);
      tellOthers({ consent });
    },
    onPurge() {
      if (!store && !isCookieless) indexedDB.deleteDatabase(name);
    },
    openOutbox(bounds) {
      store = createMessageStore(isCookieless ? undefined : name, storage, fail);
      return createStoredOutbox(store, storage, bounds, now);
    },
    openSender(outbox, onReports) {
      const sender = createSender({
        outbox,
        timers,
        writeKey,
        flushAt,
        flushIntervalMs,
        breaker: createBreaker(timers, () => Math.random(), breakerStore),
        transport: transport.send,
        maxBatchBytes: MAX_BATCH_BYTES,
        timeoutMs: TIMEOUT_MS,
        leaseMs: LEASE_MS,
        exclusive: (work) => exclusive.run(work),
        isOnline: () => navigator.onLine,
        onReports(reports) {
          onReports(reports);
          tellOthers({ reports });
        },
        onError: fail,
      });
      listen();
      // What an earlier page left goes out without a further event.
      void outbox.settled().then(() => {
        if (store!.kind === 'memory' && !isCookieless) fail(new Error('no storage: kept in memory'));
        sender.wake();
      }, fail);
      return sender;
    },
    onStop() {
      ending.abort();
      channel?.close();
    },
  });

  function fail(error: unknown): void {
    core.fail(error);
  }

  /**
   * Follows the life of the page. Neither `unload` nor `beforeunload`: they would keep the page from being restored when
   * the visitor goes back; so do locks and channels.
   */
  function follow({ type }: Event): void {
    const { sender } = core;
    if (!sender) return;
    const isLeaving = type === 'pagehide' || type === 'freeze';
    if (isLeaving || document.visibilityState === 'hidden') sender.sendNow(transport.room());
    if (type === 'online') breakerStore.write(CLOSED);
    if (isLeaving) {
      sender.suspend();
      exclusive.letGo();
      channel?.close();
      channel = undefined;
    } else if (type === 'visibilitychange') sender.wake();
    else {
      listen();
      sender.resume();
    }
  }
  for (const type of ['visibilitychange', 'pagehide', 'freeze', 'resume', 'pageshow', 'online']) {
    addEventListener(type, follow, { capture: true, signal: ending.signal });
  }

  const analytics = Object.defineProperty(core.analytics, 'outbox', {
    get: () => store?.kind ?? 'memory',
  }) as BrowserAnalytics;
  for (const module of settings.capture ?? []) {
    try {
      const stop = module({ analytics, redactUrl });
      if (stop) ending.signal.addEventListener('abort', stop);
    } catch (error) {
      fail(error);
    }
  }
  return analytics;
}

function startInert(settings: BrowserSettings, reason: unknown): BrowserAnalytics {
  const createId = (): string => '';
  const now = (): never => {
    throw reason;
  };
  const ports = { createId, now, identity: {}, initialConsent: 'pending' } as unknown as CorePorts;
  const { analytics, fail } = createCore({ ...BROWSER_DEFAULTS, ...settings }, ports);
  fail(reason);
  return Object.assign(analytics, { outbox: 'memory' as const });
}
