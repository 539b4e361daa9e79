import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createMemoryOutbox, type OutboxBounds } from '../core/index.js';
import type { Plan, PlannedEvents } from '../plan/plan.js';
import { createCarrier, type CallContext } from './call-context.js';
import { addExitHook } from './exit-hooks.js';
import { createFetchTransport } from './fetch-transport.js';
import { createHttpTransport } from './http-transport.js';
import {
  createServerAnalytics,
  MAX_AGE_MS,
  readBatchUrl,
  type ServerAnalytics,
  type ServerSettings,
} from './server-analytics.js';
import { openSlot, type SpoolSlots } from './spool/slots.js';

export type * from '../core/types.js';
export type { EventsOf, Plan, PlannedAnalytics } from '../plan/plan.js';
export type { PlanMode, PlanViolation } from '../plan/check-plan.js';
export type { CallContext } from './call-context.js';
export type { ServerAnalytics as NodeAnalytics } from './server-analytics.js';

/**
 * Besides the common settings. Defaults that differ in Node: 250 messages a request, gathered for 500 ms; 64 MiB waiting in
 * memory, with a spool 200,000 messages and 256 MiB on disk. Idle connections and timers do not keep the process alive; requests under way do.
 */
export interface NodeSettings<P extends Plan = never> extends ServerSettings<P> {
  /**
   * A directory in which messages wait on disk instead of in memory: each is written before its call returns, so that it
   * survives `process.exit()`, a crash and `kill -9`, and goes out when the process is started again. A loss of power may
   * cost the last 200 ms. Several processes may share the directory; each works in a place of its own in it, and takes over
   * what is left of those that are gone. Messages wait for the write key under which they were made.
   *
   * When the directory cannot be used, messages wait in memory, and `onError`, or else a process warning, says so.
   */
  spoolDir?: string;
  /**
   * How long the process may be kept to send what waits, when it has nothing else to do or is told to end, milliseconds.
   * Default 10,000; with a spool 2,000, since the rest is safe. 0: not at all.
   */
  exitTimeoutMs?: number;
  /**
   * Signals on which to flush. If nobody else listens for one, the process ends by it after the flush, as it would have
   * without; if the application listens, the end is the application's. Default `['SIGTERM']`.
   */
  signals?: readonly NodeJS.Signals[];
  /** Requests of so many bytes and more are compressed. Default 16,384; Infinity: never. */
  gzipFromBytes?: number;
  /** Sends by this in place of Node's own HTTP client: for proxies, say. Then nothing is compressed. */
  fetch?: typeof globalThis.fetch;
}

const MIB = 1024 * 1024;
const SENDING = { flushAt: 250, flushIntervalMs: 500 };
const BOUNDS_IN_MEMORY = { maxOutboxMessages: 10_000, maxOutboxBytes: 64 * MIB };
/** Memory holds about 200 bytes of each message on disk. */
const BOUNDS_ON_DISK = { maxOutboxMessages: 200_000, maxOutboxBytes: 256 * MIB };
const EXIT_TIMEOUT_MS = 10_000;
const EXIT_TIMEOUT_WITH_SPOOL_MS = 2_000;
const GZIP_FROM_BYTES = 16 * 1024;
const ADOPT_EVERY_MS = 60_000;
const HOLD_MS = 2 ** 30;

/**
 * Starts tracking from a Node process.
 *
 *     const analytics = init({ writeKey, host: 'https://events.example.com', spoolDir: '/var/lib/shop/events' });
 *     analytics.track('Order Completed', { revenue: 19.9 }, { userId: 'u-17' });
 *
 * @throws TypeError when `writeKey` is missing or `host` is not an address. Nothing else throws or rejects later on.
 */
export function init<P extends Plan = never>(settings: NodeSettings<P>): ServerAnalytics<PlannedEvents<P>> {
  const url = readBatchUrl(settings);
  const transport =
    settings.fetch === undefined
      ? createHttpTransport({ url, gzipFromBytes: settings.gzipFromBytes ?? GZIP_FROM_BYTES })
      : { send: createFetchTransport(url, settings.fetch), close: () => undefined };
  let adopting: NodeJS.Timeout | undefined;
  let isSpoolUsed = false;
  let onDrop: OutboxBounds['onDrop'] = () => undefined;

  /** For what costs a guarantee: somebody must hear of it. */
  function tellLoudly(error: Error): void {
    try {
      if (settings.onError === undefined) process.emitWarning(error.message, { type: 'SluiceWarning' });
      else settings.onError(error);
    } catch {
      // The application's own fault must not become the process's end.
    }
  }

  function openSpool(spoolDir: string): SpoolSlots | undefined {
    try {
      return openSlot({
        maxMessages: settings.maxOutboxMessages ?? BOUNDS_ON_DISK.maxOutboxMessages,
        maxBytes: settings.maxOutboxBytes ?? BOUNDS_ON_DISK.maxOutboxBytes,
        maxAgeMs: settings.maxAgeMs ?? MAX_AGE_MS,
        onDrop: (messageIds, reason) => onDrop(messageIds, reason),
        spoolDir: join(spoolDir, directoryOf(settings.writeKey)),
        onError: tellLoudly,
      });
    } catch (error) {
      tellLoudly(
        new Error(`The spool ${spoolDir} cannot be used; messages wait in memory.`, { cause: error }),
      );
      return undefined;
    }
  }

  // First, because the bounds follow from where messages wait.
  const slots = settings.spoolDir === undefined ? undefined : openSpool(settings.spoolDir);
  const server = createServerAnalytics<PlannedEvents<P>>(
    settings,
    {
      timers: {
        now: Date.now,
        set: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
        clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
      },
      transport: transport.send,
      carrier: createCarrier(new AsyncLocalStorage<CallContext>()),
      openOutbox(bounds) {
        if (slots === undefined) return createMemoryOutbox(bounds, Date.now);
        onDrop = bounds.onDrop;
        isSpoolUsed = true;
        return slots.outbox;
      },
      hold() {
        const timer = setTimeout(() => undefined, HOLD_MS);
        return () => clearTimeout(timer);
      },
      onStop() {
        clearInterval(adopting);
        removeExitHook();
        transport.close();
        // Without consent nobody has used it, and nobody else would close it.
        if (!isSpoolUsed) slots?.outbox.close().catch(tellLoudly);
      },
    },
    { ...SENDING, ...(slots === undefined ? BOUNDS_IN_MEMORY : BOUNDS_ON_DISK) },
  );

  async function adopt(): Promise<void> {
    try {
      await slots?.adopt();
      if (server.waiting > 0) server.core.sender?.wake();
    } catch (error) {
      server.core.fail(error);
    }
  }

  if (slots !== undefined) {
    void adopt();
    adopting = setInterval(() => void adopt(), ADOPT_EVERY_MS).unref();
  }
  const exitTimeoutMs =
    settings.exitTimeoutMs ?? (slots === undefined ? EXIT_TIMEOUT_MS : EXIT_TIMEOUT_WITH_SPOOL_MS);
  const removeExitHook =
    exitTimeoutMs <= 0
      ? () => undefined
      : addExitHook({
          flush: () => server.analytics.flush({ timeoutMs: exitTimeoutMs }),
          isPending: () => server.waiting > 0,
          signals: settings.signals ?? ['SIGTERM'],
        });
  return server.analytics;
}

function directoryOf(writeKey: string): string {
  return createHash('sha256').update(writeKey).digest('hex').slice(0, 16);
}
