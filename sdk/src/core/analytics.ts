import type { Outbox, OutboxBounds, StoredMessage } from './outbox.js';
import type { Sender } from './sender.js';
import { toStoredJson, utf8Bytes } from './stored-json.js';
import type {
  Analytics,
  CallOptions,
  CommonSettings,
  ConsentStatus,
  DeliveryReport,
  DropReason,
  FlushResult,
  Message,
  Properties,
  Traits,
} from './types.js';

/** Who the calls are about. */
export interface Identity {
  /** Never ''. */
  readonly anonymousId: string;
  readonly userId: string | undefined;
  setUserId(userId: string): void;
  /** Forgets the user and takes a new anonymous id. */
  reset(): void;
  /** Consent is given: ids may be stored. */
  keep(): void;
  /** Consent is withdrawn: nothing stays stored. */
  forget(): void;
}

export interface Session {
  /** The session of something that happens at an instant; extends or opens it. */
  touch(atMs: number): string | undefined;
  readonly id: string | undefined;
  reset(): void;
}

/** Settings as the core needs them: every default decided by the environment. */
export type CoreSettings = CommonSettings & {
  maxOutboxMessages: number;
  maxOutboxBytes: number;
  maxAgeMs: number;
};

/** What an environment brings. */
export interface CorePorts {
  now: () => number;
  createId: () => string;
  identity: Identity;
  session: Session;
  /** Without sessionId and sluice, which are added. Not changed by the core, so it may be the same object each time. */
  readContext(): Record<string, unknown> & { library: { name: string; version: string } };
  /** What a page call tells of itself, under its own properties. */
  readPage?(): Properties;
  /** Called once, when consent is there, or to purge. */
  openOutbox(bounds: OutboxBounds): Outbox;
  openSender(outbox: Outbox, onReports: (reports: DeliveryReport[]) => void): Sender;
  initialConsent: ConsentStatus;
  onConsent?(status: ConsentStatus): void;
  /** Last step of a shutdown. */
  onStop?(): void;
}

export interface Core {
  analytics: Analytics;
  /** Undefined while consent is pending or denied. */
  readonly sender: Sender | undefined;
  /** Reports that came another way than through the sender, from another page for instance. */
  takeReports(reports: readonly DeliveryReport[]): void;
  fail(error: unknown): void;
}

/** What the server takes of one message. */
const MAX_MESSAGE_BYTES = 32 * 1024;

/** The calls: each makes its message at once, hands it to the outbox and returns. None of them throws. */
export function createCore(settings: CoreSettings, ports: CorePorts): Core {
  const { identity, session, now } = ports;
  const stream = ports.createId();
  const listeners = new Set<(report: DeliveryReport) => void>();
  /** Messages of this stream that have no verdict yet. */
  const undecided = new Set<string>();
  const dropped: Partial<Record<DropReason, number>> = {};
  let hasDropped = false;
  let seq = 0;
  let status: ConsentStatus = 'pending';
  let isStopped = false;
  let outbox: Outbox | undefined;
  let sender: Sender | undefined;
  /** Messages that wait for consent. */
  let held: StoredMessage[] = [];

  function fail(error: unknown): void {
    try {
      settings.onError?.(error instanceof Error ? error : new Error(String(error)));
    } catch {
      // The application's own fault must not become the page's.
    }
  }

  function tell(report: DeliveryReport): void {
    undecided.delete(report.messageId);
    for (const listener of listeners) {
      try {
        listener(report);
      } catch (error) {
        fail(error);
      }
    }
  }

  function drop(messageIds: Iterable<string>, reason: DropReason): void {
    for (const messageId of [...messageIds]) {
      if (undecided.has(messageId)) {
        hasDropped = true;
        dropped[reason] = (dropped[reason] ?? 0) + 1;
      }
      tell({ outcome: 'dropped', messageId, reason });
    }
  }

  function openOutbox(): Outbox {
    return (outbox ??= ports.openOutbox({
      maxMessages: settings.maxOutboxMessages,
      maxBytes: settings.maxOutboxBytes,
      maxAgeMs: settings.maxAgeMs,
      onDrop: drop,
    }));
  }

  function store(message: StoredMessage): void {
    if (outbox === undefined) {
      held.push(message);
      if (held.length > settings.maxOutboxMessages) drop([held.shift()!.messageId], 'outbox_full');
    } else {
      outbox.append(message);
      sender!.wake();
    }
  }

  /** Makes a message and hands it on. Returns its id, or '' when there is none. */
  function send(
    type: Message['type'],
    fields: Partial<Message>,
    { context, timestamp, ...ids }: CallOptions = {},
  ): string {
    try {
      if (isStopped || status === 'denied') throw new Error(isStopped ? 'shut down' : 'consent is denied');
      const atMs = now();
      const base = ports.readContext();
      const sessionId = session.touch(atMs);
      let message: Message | null = {
        type,
        messageId: ids.messageId ?? ports.createId(),
        timestamp: typeof timestamp === 'string' ? timestamp : (timestamp ?? new Date(atMs)).toISOString(),
        anonymousId: ids.anonymousId ?? identity.anonymousId,
        userId: ids.userId ?? identity.userId,
        ...fields,
        context: { ...base, ...context, sessionId },
      };
      if (settings.redact) message = settings.redact(message);
      if (!message) return '';
      const { messageId } = message;
      message.context.sluice = { stream, seq: seq + 1, ...(hasDropped && { dropped }) };
      const json = toStoredJson(message);
      const bytes = utf8Bytes(json);
      seq++;
      undecided.add(messageId);
      if (bytes > MAX_MESSAGE_BYTES) {
        drop([messageId], 'too_large');
        throw new Error(`too large: ${bytes} bytes`);
      }
      store({ messageId, json, bytes, storedAtMs: atMs });
      return messageId;
    } catch (error) {
      fail(error);
      return '';
    }
  }

  function view(type: 'page' | 'screen') {
    return (
      name?: string,
      properties?: Properties,
      { category, ...options }: CallOptions & { category?: string } = {},
    ): string => {
      const own = type === 'page' ? ports.readPage?.() : undefined;
      return send(type, { name, category, properties: { ...own, name, category, ...properties } }, options);
    };
  }

  /** An id as a text; what is none is told. */
  function readId(value: unknown): string | undefined {
    if (typeof value === 'number' || (typeof value === 'string' && value !== '')) return String(value);
    fail(new Error('needs an id or a name'));
    return undefined;
  }

  function setConsent(next: ConsentStatus): void {
    if (status === next) return;
    status = next;
    if (next === 'granted') {
      identity.keep();
      const opened = openOutbox();
      sender ??= ports.openSender(opened, takeReports);
      const waiting = held;
      held = [];
      waiting.forEach(store);
    } else if (next === 'denied') {
      held = [];
      drop(undecided, 'consent_denied');
      openOutbox().purge().catch(fail);
      identity.forget();
      session.reset();
    }
  }

  function decide(next: ConsentStatus): void {
    try {
      setConsent(next);
      ports.onConsent?.(next);
    } catch (error) {
      fail(error);
    }
  }

  function takeReports(reports: readonly DeliveryReport[]): void {
    reports.forEach(tell);
  }

  async function flush(timeoutMs: number | undefined): Promise<FlushResult> {
    if (sender === undefined) return { accepted: 0, rejected: 0, waiting: held.length };
    return sender.flush(timeoutMs);
  }

  const analytics: Analytics = {
    track(event: string, ...[properties, options]: [properties?: Properties, options?: CallOptions]) {
      const name = readId(event);
      return name === undefined ? '' : send('track', { event: name, properties: properties ?? {} }, options);
    },
    page: view('page'),
    screen: view('screen'),
    identify(
      ...args:
        [userId: string, traits?: Traits, options?: CallOptions] | [traits: Traits, options?: CallOptions]
    ) {
      const [user, ...rest] = (typeof args[0] === 'object' ? [undefined, ...args] : args) as [
        user: string | undefined,
        traits?: Traits,
        options?: CallOptions,
      ];
      const [traits = {}, options] = rest;
      if (user === undefined) return send('identify', { traits }, options);
      const userId = readId(user);
      if (userId === undefined) return '';
      if (status !== 'denied') identity.setUserId(userId);
      return send('identify', { userId, traits }, options);
    },
    group(group, traits, options) {
      const groupId = readId(group);
      return groupId === undefined ? '' : send('group', { groupId, traits: traits ?? {} }, options);
    },
    alias(user, previousId, options) {
      const userId = readId(user);
      if (userId === undefined) return '';
      return send('alias', { userId, previousId: previousId ?? identity.anonymousId }, options);
    },
    reset() {
      try {
        identity.reset();
        session.reset();
      } catch (error) {
        fail(error);
      }
    },
    flush: (options) => flush(options?.timeoutMs),
    async shutdown(options) {
      isStopped = true;
      const result = await flush(options?.timeoutMs);
      sender?.suspend();
      try {
        ports.onStop?.();
        await outbox?.close();
      } catch (error) {
        fail(error);
      }
      return result;
    },
    onDelivery(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    user: {
      get userId() {
        return status === 'denied' ? undefined : identity.userId;
      },
      get anonymousId() {
        return status === 'denied' ? '' : identity.anonymousId;
      },
      get sessionId() {
        return session.id;
      },
    },
    consent: {
      get status() {
        return status;
      },
      grant: () => decide('granted'),
      deny: () => decide('denied'),
    },
  };
  setConsent(ports.initialConsent);
  return {
    analytics,
    get sender() {
      return status === 'granted' ? sender : undefined;
    },
    takeReports,
    fail,
  };
}
