import { createMemoryOutbox } from '../core/index.js';
import { createCarrier, createSyncStorage, type AsyncStorage } from '../node/call-context.js';
import { createFetchTransport } from '../node/fetch-transport.js';
import {
  createServerAnalytics,
  readBatchUrl,
  type ServerAnalytics,
  type ServerSettings,
} from '../node/server-analytics.js';
import type { Plan, PlannedEvents } from '../plan/plan.js';

export type * from '../core/types.js';
export type { EventsOf, Plan, PlannedAnalytics } from '../plan/plan.js';
export type { PlanMode, PlanViolation } from '../plan/check-plan.js';
export type { CallContext } from '../node/call-context.js';
export type { ServerAnalytics as EdgeAnalytics } from '../node/server-analytics.js';

/** Besides the common settings. Defaults that differ at the edge: 250 messages a request, gathered for 20 ms, 8 MiB waiting. */
export interface EdgeSettings<P extends Plan = never> extends ServerSettings<P> {
  /**
   * The runtime's way to let work finish after the response: `(work) => ctx.waitUntil(work)`, or `waitUntil` of
   * `@vercel/functions`. It is handed the delivery of what a request tracked. Without it, call `flush()` before the
   * response, or messages may end with the isolate.
   */
  waitUntil?: (work: Promise<unknown>) => void;
  /** Default: the runtime's own. */
  fetch?: typeof globalThis.fetch;
  /** Carries `withContext()` over awaits. Default: the runtime's global AsyncLocalStorage, where it has one. */
  asyncStorage?: AsyncStorage;
}

const DEFAULTS = {
  flushAt: 250,
  flushIntervalMs: 20,
  maxOutboxMessages: 10_000,
  maxOutboxBytes: 8 * 1024 * 1024,
};

/**
 * Starts tracking where there is `fetch` and nothing of Node: workers, edge functions, Deno, Bun. Messages wait in memory.
 * It is cheap; where requests must not share connections or promises, as on Cloudflare, start it anew for each request:
 *
 *     const analytics = init({ writeKey, host, waitUntil: (work) => ctx.waitUntil(work) });
 *     analytics.track('Page Served', { path }, { anonymousId });
 *
 * @throws TypeError when `writeKey` is missing or `host` is not an address. Nothing else throws or rejects later on.
 */
export function init<P extends Plan = never>(settings: EdgeSettings<P>): ServerAnalytics<PlannedEvents<P>> {
  const { waitUntil } = settings;
  // Looked up at each request: frameworks replace it.
  const send: typeof globalThis.fetch = settings.fetch ?? ((input, init) => globalThis.fetch(input, init));
  let isDelivering = false;
  const server = createServerAnalytics<PlannedEvents<P>>(
    settings,
    {
      timers: {
        now: Date.now,
        set: (callback, delayMs) => setTimeout(callback, delayMs),
        clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
      },
      transport: createFetchTransport(readBatchUrl(settings), send),
      carrier: createCarrier(settings.asyncStorage ?? findAsyncStorage() ?? createSyncStorage()),
      openOutbox: (bounds) => createMemoryOutbox(bounds, Date.now),
      hold: () => () => undefined,
      onStored() {
        if (waitUntil === undefined || isDelivering) return;
        isDelivering = true;
        try {
          waitUntil(deliver());
        } catch (error) {
          // The request is over, say; the messages go out with the next, or with flush().
          server.core.fail(error);
        }
      },
      onStop: () => undefined,
    },
    DEFAULTS,
  );

  /** Gathers first: a request seldom tracks once. */
  async function deliver(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, settings.flushIntervalMs ?? DEFAULTS.flushIntervalMs));
    isDelivering = false;
    await server.analytics.flush();
  }

  return server.analytics;
}

function findAsyncStorage(): AsyncStorage | undefined {
  const { AsyncLocalStorage } = globalThis as { AsyncLocalStorage?: new () => AsyncStorage };
  return AsyncLocalStorage === undefined ? undefined : new AsyncLocalStorage();
}
