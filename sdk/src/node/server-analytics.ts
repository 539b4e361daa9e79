import {
  createBreaker,
  createBreakerMemory,
  createCore,
  createSender,
  createUuidV7Source,
  type Analytics,
  type CommonSettings,
  type ConsentStatus,
  type Core,
  type EventMap,
  type FlushResult,
  type Identity,
  type Message,
  type Outbox,
  type OutboxBounds,
  type Session,
  type Timers,
  type Transport,
} from '../core/index.js';
import { checkPlan, type PlanMode, type PlanViolation } from '../plan/check-plan.js';
import type { Plan } from '../plan/plan.js';
import { createBackPressure } from './back-pressure.js';
import type { CallContext, CallContextCarrier } from './call-context.js';
import { readTraceIds } from './open-telemetry.js';
import { LIBRARY } from './version.js';

/** What `init` takes on servers of every kind. */
export interface ServerSettings<P extends Plan = never> extends CommonSettings {
  /** The tracking plan: types of the calls, and checked while the application runs. */
  plan?: P;
  /** A message outside the plan is told of (`warn`, the default), or told of and dropped (`block`). */
  planMode?: PlanMode;
  /** Told of messages outside the plan. Default: a line on the console. */
  onPlanViolation?: (violations: readonly PlanViolation[]) => void;
  /** How long one request may take, milliseconds. Default 10,000. */
  requestTimeoutMs?: number;
  /** Default `granted`: on a server, whether to track somebody is decided call by call. */
  consent?: ConsentStatus;
}

/**
 * Analytics for servers, where one process speaks for many people: a call says whom it is about, by its options or by the
 * context it runs in. There is no global identity, so `reset()` does nothing and `identify()` changes nothing for later
 * calls; a call without `userId` and `anonymousId` is told to `onError` and makes no message.
 */
export interface ServerAnalytics<Events extends EventMap = EventMap> extends Analytics<Events> {
  /**
   * Calls made by `work`, and by all it calls and awaits, are about this user and carry this context. Contexts nest; a
   * call's own options win. Returns what `work` returns.
   *
   *     analytics.withContext({ userId: session.userId, context: { ip } }, () => handle(request));
   */
  withContext<T>(context: CallContext, work: () => T): T;
  /**
   * True from four fifths of the outbox's bounds on: the server has not been taking messages for a while, and further calls
   * will soon make the outbox drop its oldest.
   */
  readonly isFull: boolean;
  /**
   * Back-pressure for producers that can wait: resolves at once while there is room, else when the outbox is half empty
   * again or the SDK is shut down. Never rejects.
   *
   *     for await (const row of rows) {
   *       await analytics.ready();
   *       analytics.track('Imported', { id: row.id }, { userId: row.userId });
   *     }
   */
  ready(): Promise<void>;
  /** Where messages wait; `memory` also when a spool was asked for and cannot be used. */
  readonly outbox: 'memory' | 'file';
}

/** What a server's runtime brings. */
export interface ServerRuntime {
  timers: Timers;
  transport: Transport;
  carrier: CallContextCarrier;
  openOutbox(bounds: OutboxBounds): Outbox;
  /** Keeps the process alive until what it returns is called. */
  hold(): () => void;
  /** Called after each message is stored. */
  onStored?(): void;
  onStop(): void;
}

export interface RuntimeDefaults {
  flushAt: number;
  flushIntervalMs: number;
  maxOutboxMessages: number;
  maxOutboxBytes: number;
}

export interface Server<Events extends EventMap> {
  analytics: ServerAnalytics<Events>;
  core: Core;
  /** Messages that have no verdict. */
  readonly waiting: number;
}

/** How long messages wait unless the settings say otherwise. */
export const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
/** Far below what the server takes of one body. */
const MAX_BATCH_BYTES = 512 * 1024;

/** @throws TypeError when `writeKey` is missing or `host` is not an address. */
export function readBatchUrl({ writeKey, host }: CommonSettings): URL {
  if (typeof writeKey !== 'string' || writeKey === '') throw new TypeError('Sluice needs a writeKey.');
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`Sluice needs the address of the gateway as its host; got ${JSON.stringify(host)}.`);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/b`;
  return url;
}

export function createServerAnalytics<Events extends EventMap>(
  settings: ServerSettings<Plan>,
  runtime: ServerRuntime,
  defaults: RuntimeDefaults,
): Server<Events> {
  const { timers, carrier } = runtime;
  const requestTimeoutMs = settings.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const pressure = createBackPressure(() => runtime.onStored?.());
  let outbox: Outbox | undefined;

  const core = createCore(
    {
      ...settings,
      maxOutboxMessages: settings.maxOutboxMessages ?? defaults.maxOutboxMessages,
      maxOutboxBytes: settings.maxOutboxBytes ?? defaults.maxOutboxBytes,
      maxAgeMs: settings.maxAgeMs ?? MAX_AGE_MS,
      redact: createRedact(settings),
    },
    {
      now: () => timers.now(),
      createId: createUuidV7Source(() => timers.now()),
      identity: createCallIdentity(carrier),
      session: createCallSession(carrier),
      readContext() {
        const trace = readTraceIds();
        return { library: LIBRARY, ...carrier.read()?.context, ...(trace === undefined ? {} : { trace }) };
      },
      openOutbox: (bounds) => (outbox = pressure.open((watched) => runtime.openOutbox(watched), bounds)),
      openSender: (from, onReports) =>
        createSender({
          outbox: from,
          transport: runtime.transport,
          timers,
          breaker: createBreaker(timers, Math.random, createBreakerMemory()),
          writeKey: settings.writeKey,
          flushAt: settings.flushAt ?? defaults.flushAt,
          maxBatchBytes: MAX_BATCH_BYTES,
          flushIntervalMs: settings.flushIntervalMs ?? defaults.flushIntervalMs,
          timeoutMs: requestTimeoutMs,
          leaseMs: 2 * requestTimeoutMs,
          onReports,
          onError: (error) => core.fail(error),
        }),
      initialConsent: settings.consent ?? 'granted',
      onStop() {
        pressure.end();
        runtime.onStop();
      },
    },
  );
  if ((outbox?.size ?? 0) > 0) core.sender?.wake();

  async function holding<T>(work: () => Promise<T>): Promise<T> {
    const letGo = runtime.hold();
    try {
      return await work();
    } finally {
      letGo();
    }
  }

  const { analytics } = core;
  const calls: ServerAnalytics = {
    ...analytics,
    flush: (options) => holding<FlushResult>(() => analytics.flush(options)),
    shutdown: (options) => holding<FlushResult>(() => analytics.shutdown(options)),
    withContext: (context, work) => carrier.run(context, work),
    ready: () => holding(() => pressure.ready()),
    get user() {
      return analytics.user;
    },
    get isFull() {
      return pressure.isFull;
    },
    get outbox() {
      return outbox?.kind === 'file' ? 'file' : 'memory';
    },
  };
  return {
    // The calls take the plan's events and no others; while the application runs there is no difference.
    analytics: calls,
    core,
    get waiting() {
      return outbox?.size ?? 0;
    },
  };
}

/** The application's hook, the plan, and what a message cannot do without. */
function createRedact(settings: ServerSettings<Plan>): (message: Message) => Message | null {
  const { plan, planMode, onPlanViolation, redact = (message: Message) => message } = settings;
  const check =
    plan === undefined
      ? redact
      : checkPlan(plan, {
          redact,
          ...(planMode === undefined ? {} : { mode: planMode }),
          ...(onPlanViolation === undefined ? {} : { report: onPlanViolation }),
        });
  return (message) => {
    const { anonymousId, userId, ...rest } = message;
    const checked = check({
      ...rest,
      ...(isId(anonymousId) ? { anonymousId } : {}),
      ...(isId(userId) ? { userId } : {}),
    });
    if (checked === null) return null;
    if (!isId(checked.userId) && !isId(checked.anonymousId)) {
      throw new Error(
        `A ${checked.type} call needs a userId or an anonymousId, as an option or by withContext().`,
      );
    }
    if (checked.type === 'alias' && !isId(checked.previousId)) {
      throw new Error('An alias call needs a previousId.');
    }
    return checked;
  };
}

function isId(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** Whoever the present call is about. */
function createCallIdentity(carrier: CallContextCarrier): Identity {
  const nothing = (): void => undefined;
  return {
    get anonymousId() {
      return carrier.read()?.anonymousId ?? '';
    },
    get userId() {
      return carrier.read()?.userId;
    },
    setUserId: nothing,
    reset: nothing,
    keep: nothing,
    forget: nothing,
  };
}

/** Sessions are made where people are; a server hands on the one it was told. */
function createCallSession(carrier: CallContextCarrier): Session {
  const read = (): string | undefined => {
    const sessionId = carrier.read()?.context?.['sessionId'];
    return typeof sessionId === 'string' ? sessionId : undefined;
  };
  return {
    touch: read,
    get id() {
      return read();
    },
    reset: () => undefined,
  };
}
