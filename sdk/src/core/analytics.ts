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
  Sequence,
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
  /**
   * Without sessionId and sluice, which are added. Not changed by the core, so it may be the same object each time. What
   * it says of the \`page\`, a page call tells as its properties, too.
   */
  readContext(): Record<string, unknown> & { library: { name: string; version: string } };
  /** Called once, when consent is there, or to purge. */
  openOutbox(bounds: OutboxBounds): Outbox;
  openSender(outbox: Outbox, onReports: (reports: DeliveryReport[]) => void): Sender;
  initialConsent: ConsentStatus;
  /** Ids end with the page: none is told as the user's. */
  isAnonymous?: boolean | undefined;
  /** The visitor has decided, here. */
  onConsent?(status: ConsentStatus): void;
  /** Consent is withdrawn: what earlier pages or processes left goes, too. */
  onPurge?(): void;
  /** First step of a shutdown: what is called within it still counts. */
  onShutdown?(): void;
  /** Last step of a shutdown. */
  onStop?(): void;
}

export interface Core {
  analytics: Analytics & { readonly outbox: Outbox['kind'] };
  /** Undefined until there is consent. */
  readonly sender: Sender | undefined;
  /** Verdicts that another page of the same outbox got. */
  takeReports(reports: readonly DeliveryReport[]): void;
  /** A decision that was made elsewhere. */
  setConsent(status: ConsentStatus): void;
  /** Runs work whose error is told, not thrown. */
  attempt: <T>(work: () => T) => T | undefined;
  fail: (error: unknown) => void;
}

/** What the server takes of one message. */
const MAX_MESSAGE_BYTES = 32 * 1024;

/** The calls: each makes its message at once, hands it to the outbox and returns. None of them throws. */
export function createCore(settings: CoreSettings, ports: CorePorts): Core {
  const { identity, session, now, createId } = ports;
  const stream = createId();
  const listeners = new Set<(report: DeliveryReport) => void>();
  /** Messages of this stream that have no verdict yet. */
  const undecided = new Set<string>();
  let dropped: Sequence['dropped'];
  let seq = 0;
  let status: ConsentStatus = 'pending';
  let isStopped = false;
  let outbox: Outbox | undefined;
  let sender: Sender | undefined;
  /** Messages that wait for consent. */
  let held: StoredMessage[] = [];

  function fail(error: unknown): void {
    try {
      settings.onError?.(error as Error);
    } catch {
      // The application's own fault must not become the page's.
    }
  }

  function attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      fail(error);
      return undefined;
    }
  }

  /** A call as the application sees it: an id, or '' for what was told to onError. */
  function toCall<Args extends unknown[]>(make: (...args: Args) => string): (...args: Args) => string {
    return (...args) => attempt(() => make(...args)) ?? '';
  }

  function tell(report: DeliveryReport): void {
    undecided.delete(report.messageId);
    for (const listener of listeners) attempt(() => listener(report));
  }

  function drop(messageIds: Iterable<string>, reason: DropReason): void {
    for (const messageId of [...messageIds]) {
      if (undecided.has(messageId)) dropped = { ...dropped, [reason]: (dropped?.[reason] ?? 0) + 1 };
      tell({ outcome: 'dropped', messageId, reason });
    }
  }

  function store(message: StoredMessage): void {
    if (status === 'granted') {
      outbox!.append(message);
      sender!.wake();
    } else {
      held.push(message);
      if (held.length > settings.maxOutboxMessages) drop([held.shift()!.messageId], 'outbox_full');
    }
  }

  /** Makes a message and hands it on. Returns its id; '' when \`redact\` dropped it. */
  function send(
    type: Message['type'],
    fields: Partial<Message>,
    { context, timestamp, ...ids }: CallOptions = {},
  ): string {
    if (isStopped || status === 'denied') throw new Error('shut down, or no consent');
    const atMs = now();
    let message: Message | null = {
      type,
      messageId: createId(),
      timestamp: new Date(timestamp ?? atMs).toISOString(),
      anonymousId: identity.anonymousId,
      userId: identity.userId,
      ...ids,
      ...fields,
      context: { ...ports.readContext(), sessionId: session.touch(atMs), ...context },
    };
    if (settings.redact) message = settings.redact(message);
    if (!message) return '';
    const { messageId } = message;
    message.context.sluice = { stream, seq: seq + 1, dropped };
    const json = toStoredJson(message);
    const bytes = utf8Bytes(json);
    seq++;
    undecided.add(messageId);
    if (bytes > MAX_MESSAGE_BYTES) {
      drop([messageId], 'too_large');
      throw new Error('too large');
    }
    store({ messageId, json, bytes, storedAtMs: atMs });
    return messageId;
  }

  function toView(type: 'page' | 'screen') {
    return toCall(
      (name?: string, properties?: Properties, options: CallOptions & { category?: string } = {}) => {
        const { category, ...rest } = options;
        const page = type === 'page' && (ports.readContext()['page'] as Properties | undefined);
        return send(type, { name, category, properties: { ...page, name, category, ...properties } }, rest);
      },
    );
  }

  function setConsent(next: ConsentStatus): void {
    if (status === next) return;
    status = next;
    if (next === 'granted') {
      identity.keep();
      outbox ??= ports.openOutbox({
        maxMessages: settings.maxOutboxMessages,
        maxBytes: settings.maxOutboxBytes,
        maxAgeMs: settings.maxAgeMs,
        onDrop: drop,
      });
      sender ??= ports.openSender(outbox, (reports) => reports.forEach(tell));
      held.splice(0).forEach(store);
    } else if (next === 'denied') {
      held = [];
      drop(undecided, 'consent_denied');
      outbox?.purge().catch(fail);
      ports.onPurge?.();
      identity.forget();
      session.reset();
    }
  }

  const decide = (next: ConsentStatus) => (): void => {
    attempt(() => {
      setConsent(next);
      ports.onConsent?.(next);
    });
  };

  async function flush(options?: { timeoutMs?: number }): Promise<FlushResult> {
    return sender?.flush(options?.timeoutMs) ?? { accepted: 0, rejected: 0, waiting: held.length };
  }

  const analytics: Core['analytics'] = {
    track: toCall((event: string, properties: Properties = {}, options?: CallOptions) =>
      send('track', { event: readId(event), properties }, options),
    ),
    page: toView('page'),
    screen: toView('screen'),
    identify: toCall((user: string | Traits, more: Traits | CallOptions = {}, options?: CallOptions) => {
      if (typeof user === 'object') return send('identify', { traits: user }, more);
      const userId = readId(user);
      identity.setUserId(userId);
      return send('identify', { userId, traits: more as Traits }, options);
    }),
    group: toCall((groupId: string, traits: Traits = {}, options?: CallOptions) =>
      send('group', { groupId: readId(groupId), traits }, options),
    ),
    alias: toCall((userId: string, previousId = identity.anonymousId, options?: CallOptions) =>
      send('alias', { userId: readId(userId), previousId }, options),
    ),
    reset() {
      attempt(() => {
        identity.reset();
        session.reset();
      });
    },
    flush,
    async shutdown(options) {
      attempt(() => ports.onShutdown?.());
      isStopped = true;
      const result = await flush(options);
      sender?.suspend();
      attempt(() => ports.onStop?.());
      await outbox?.close().catch(fail);
      return result;
    },
    onDelivery(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get outbox() {
      return outbox?.kind ?? 'memory';
    },
    get user() {
      return {
        userId: identity.userId,
        anonymousId: status === 'denied' || ports.isAnonymous ? '' : identity.anonymousId,
        sessionId: session.id,
      };
    },
    consent: {
      get status() {
        return status;
      },
      grant: decide('granted'),
      deny: decide('denied'),
    },
  };
  setConsent(ports.initialConsent);
  return {
    analytics,
    get sender() {
      return sender;
    },
    takeReports(reports) {
      outbox?.remove(reports.map(({ messageId }) => messageId)).catch(fail);
      for (const report of reports) if (undecided.has(report.messageId)) tell(report);
    },
    setConsent,
    attempt,
    fail,
  };
}

/** An id or a name as a text. */
function readId(value: unknown): string {
  if (typeof value !== 'number' && (typeof value !== 'string' || value === '')) {
    throw new Error('no id or no name');
  }
  return String(value);
}
