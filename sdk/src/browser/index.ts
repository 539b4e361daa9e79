import { createCore, type Core, type CorePorts } from '../core/analytics.js';
import { redactUrl } from '../core/redaction.js';
import { CLOSED, createBreaker, type BreakerState } from '../core/retry-policy.js';
import { createSender } from '../core/sender.js';
import type { Timers } from '../core/timers.js';
import type { ConsentStatus, DeliveryReport, EventMap } from '../core/types.js';
import { createUuidV7Source } from '../core/uuid-v7.js';
import type { Plan, PlannedEvents } from '../plan/plan.js';
import { createContextReader } from './context.js';
import { createIdentity } from './identity.js';
import { createMessageStore, type MessageStore } from './message-store.js';
import { hasPrivacySignal } from './privacy.js';
import { createSession } from './session.js';
import { BROWSER_DEFAULTS, type BrowserAnalytics, type BrowserSettings } from './settings.js';
import { createStorage } from './storage.js';
import { createStoredOutbox } from './stored-outbox.js';
import type { Tabs } from './tabs.js';
import { createTransport } from './transport.js';

export type * from '../core/types.js';
export type { EventsOf, Plan, PlannedAnalytics } from '../plan/plan.js';
export type { BrowserAnalytics, BrowserSettings } from './settings.js';

/**
 * Starts tracking. Never throws: where it cannot work (on a server, without a key) it returns analytics whose calls do
 * nothing, and tells `onError` why.
 */
export function init<Events extends EventMap = EventMap>(given: BrowserSettings): BrowserAnalytics<Events> {
  const settings = { ...BROWSER_DEFAULTS, ...given } as Settings;
  try {
    if (typeof document === 'undefined') throw new Error('not in a browser');
    if (!settings.writeKey || !settings.host) throw new Error('no writeKey or no host');
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

type Settings = BrowserSettings & typeof BROWSER_DEFAULTS;

function start(settings: Settings): BrowserAnalytics {
  const { writeKey, cookieless: isCookieless, flushAt, flushIntervalMs } = settings;
  const name = `sluice:${writeKey}`;
  const now = (): number => Date.now();
  const createId = createUuidV7Source(now);
  const storage = createStorage(isCookieless ? undefined : name);
  const readContext = createContextReader();
  const transport = createTransport(settings.host.replace(/\/+$/, ''), () => gzip);
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
  const fail = (error: unknown): void => core.fail(error);
  let store: MessageStore | undefined;
  let tabs: Tabs<News> | undefined;
  let gzip: ((text: string) => Promise<Blob>) | undefined;

  function takeNews(news: News): void {
    if ('reports' in news) core.takeReports(news.reports);
    else takeConsent(news.consent);
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
    session: createSession(storage, createId, () => readContext().campaign),
    isAnonymous: isCookieless,
    initialConsent:
      (storage.read('consent') as ConsentStatus | undefined) ??
      ((settings.honorPrivacySignals ?? true) && hasPrivacySignal()
        ? 'denied'
        : (settings.consent ?? 'granted')),
    onConsent(consent) {
      takeConsent(consent);
      tabs?.tell({ consent });
    },
    onPurge() {
      if (!store && !isCookieless) indexedDB.deleteDatabase(name);
    },
    openOutbox(bounds) {
      const opening = isCookieless
        ? undefined
        : import('./later.js').then((later) => {
            ({ gzip } = later);
            tabs = later.joinTabs(name, takeNews);
            return later.openDatabase(name);
          });
      store = createMessageStore(storage, opening, fail);
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
        exclusive: (work) => (tabs ? tabs.takeTurn(work) : work()),
        isOnline: () => navigator.onLine,
        onReports(reports) {
          onReports(reports);
          tabs?.tell({ reports });
        },
        onError: fail,
      });
      // What an earlier page left goes out without a further event.
      void outbox.settled().then(() => {
        if (store!.kind === 'memory' && !isCookieless) fail(new Error('no storage'));
        sender.wake();
      }, fail);
      return sender;
    },
    onShutdown: () => ending.abort(),
    onStop: () => tabs?.leave(),
  });

  /**
   * Follows the life of the page. Neither `unload` nor `beforeunload`: they would keep the page from being restored when
   * the visitor goes back; so do locks and channels. A page that is frozen was hidden before, and sent then.
   */
  function follow({ type }: Event): void {
    const { sender } = core;
    if (!sender) return;
    if (type === 'online') breakerStore.write(CLOSED);
    // Whatever has happened: the page may end without another word.
    sender.sendNow(transport.room());
    if (type === 'pagehide') {
      sender.suspend();
      tabs?.leave();
    } else if (document.visibilityState === 'visible') {
      tabs?.comeBack();
      sender.resume();
    }
  }
  const { attempt } = core;
  const analytics = core.analytics as BrowserAnalytics;
  for (const module of settings.capture ?? []) {
    const stop = attempt(() => module({ analytics, redactUrl }));
    if (stop) ending.signal.addEventListener('abort', stop);
  }
  // After the modules, so that what they tell of the end of a page goes with the rest.
  for (const type of ['visibilitychange', 'pagehide', 'pageshow', 'online']) {
    addEventListener(type, follow, { capture: true, signal: ending.signal });
  }
  return analytics;
}

function startInert(settings: Settings, reason: unknown): BrowserAnalytics {
  const createId = (): string => '';
  const now = (): never => {
    throw reason;
  };
  const ports = { createId, now, identity: {}, initialConsent: 'pending' } as unknown as CorePorts;
  const { analytics, fail } = createCore(settings, ports);
  fail(reason);
  return analytics as BrowserAnalytics;
}
