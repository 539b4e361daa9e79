/** What an application sees of Sluice, the same in a browser, in Node and at the edge. */

/** JSON, as it travels. `undefined` members are left out, dates become ISO 8601. */
export type Json = string | number | boolean | null | undefined | Date | Json[] | { [key: string]: Json };
export type Properties = Record<string, unknown>;
export type Traits = Record<string, unknown>;

/** Properties of each event by its name. The default takes any event with any properties. */
export type EventMap = Record<string, Properties>;

export type MessageType = 'track' | 'page' | 'screen' | 'identify' | 'group' | 'alias';

/** One message on the wire: Segment's form. It is made once, at the call, and never changed after. */
export interface Message {
  type: MessageType;
  /** UUIDv7, made at the call: sends with the same id are one event. */
  messageId: string;
  /** ISO 8601, the device's clock at the call. */
  timestamp: string;
  anonymousId?: string;
  userId?: string;
  event?: string;
  name?: string;
  category?: string;
  properties?: Properties;
  traits?: Traits;
  groupId?: string;
  previousId?: string;
  context: Context;
}

export interface Context {
  library: { name: string; version: string };
  sessionId?: string;
  /** The place of this message in the sequence of its stream; the server proves gaps from it. */
  sluice?: Sequence;
  [key: string]: unknown;
}

/**
 * A stream is one page load or one process on a device. Its messages are numbered from 1 without gaps at the call, so the
 * server sees what never arrived; what the SDK itself had to drop is told beside it, so the rest is loss in between.
 */
export interface Sequence {
  stream: string;
  seq: number;
  /** Messages of this stream dropped so far by this SDK, by reason; absent when there are none. */
  dropped?: Partial<Record<DropReason, number>>;
}

/** Why a message was given up before any verdict. */
export type DropReason =
  /** The outbox had reached its bound in messages or bytes; the oldest went. */
  | 'outbox_full'
  /** It waited longer than the outbox keeps messages. */
  | 'expired'
  /** It alone is larger than what the server takes. */
  | 'too_large'
  /** Consent was withdrawn. */
  | 'consent_denied'
  /** The store failed to keep it. */
  | 'storage_failed';

export interface CallOptions {
  /** Added to the message's context; its own members win. */
  context?: Record<string, unknown>;
  /** When it happened, if not now. */
  timestamp?: Date | string;
  anonymousId?: string;
  userId?: string;
  /** Replaces the generated id. Two calls with one id are one event. */
  messageId?: string;
}

export interface Analytics<Events extends EventMap = EventMap> {
  /** Each call returns the id of its message; '' when consent forbids it or the call was invalid (told to `onError`). */
  track<Name extends keyof Events & string>(
    event: Name,
    ...rest: Partial<Events[Name]> extends Events[Name]
      ? [properties?: Events[Name], options?: CallOptions]
      : [properties: Events[Name], options?: CallOptions]
  ): string;
  page(name?: string, properties?: Properties, options?: CallOptions & { category?: string }): string;
  screen(name?: string, properties?: Properties, options?: CallOptions & { category?: string }): string;
  identify(userId: string, traits?: Traits, options?: CallOptions): string;
  /** Traits of the present user, known or not. */
  identify(traits: Traits, options?: CallOptions): string;
  group(groupId: string, traits?: Traits, options?: CallOptions): string;
  /** `userId` is who was known as `previousId` (by default the anonymous id). */
  alias(userId: string, previousId?: string, options?: CallOptions): string;
  /** Forgets the user: new anonymous id, new session. What is in the outbox still goes out. */
  reset(): void;
  /** Sends now what waits, and resolves once each of it has a verdict or cannot get one now. Never rejects. */
  flush(options?: { timeoutMs?: number }): Promise<FlushResult>;
  /** Flushes and stops; calls after it are dropped and told to `onError`. Never rejects. */
  shutdown(options?: { timeoutMs?: number }): Promise<FlushResult>;
  /** Tells of each message's end: accepted, rejected or dropped. Returns what unsubscribes. */
  onDelivery(listener: (report: DeliveryReport) => void): () => void;
  /** As it is at the moment. */
  readonly user: User;
  readonly consent: Consent;
}

export interface User {
  readonly userId: string | undefined;
  /** '' in cookieless mode and without consent. */
  readonly anonymousId: string;
  readonly sessionId: string | undefined;
}

export type ConsentStatus = 'pending' | 'granted' | 'denied';

/**
 * `pending` keeps messages in memory only; `granted` moves them to the outbox and sends; `denied` purges the outbox, the
 * stored ids and the memory. Global Privacy Control and Do Not Track start as `denied` unless the settings say otherwise.
 */
export interface Consent {
  readonly status: ConsentStatus;
  grant(): void;
  deny(): void;
}

export type DeliveryReport =
  | { outcome: 'accepted'; messageId: string; durability: 'log' | 'disk' }
  | { outcome: 'rejected'; messageId: string; code: string; field: string | null; message: string }
  | { outcome: 'dropped'; messageId: string; reason: DropReason };

export interface FlushResult {
  accepted: number;
  rejected: number;
  /** Still in the outbox: they go out later, if the outbox is durable and after a restart, too. */
  waiting: number;
}

/** A capability added to the browser SDK. Called once after start; what it returns is called at shutdown. */
export type CaptureModule = (host: CaptureHost) => (() => void) | undefined;

export interface CaptureHost {
  analytics: Analytics;
  /** An address without secrets: what looks like a token, a password or an e-mail address is taken out. */
  redactUrl(url: string): string;
}

/** What every environment's `init` takes. */
export interface CommonSettings {
  /** From `npm start` or `sluice keys create`. */
  writeKey: string;
  /** Origin of the gateway, e.g. `https://events.example.com`; a path before `/v1` is kept. */
  host: string;
  /** Messages of one request at most. Default 50. */
  flushAt?: number;
  /** How long messages gather, milliseconds. Default 1,000 in a browser, 500 in Node. */
  flushIntervalMs?: number;
  /** Messages in the outbox at most; beyond it the oldest goes. Default 10,000. */
  maxOutboxMessages?: number;
  /** Bytes in the outbox at most. Default 4 MiB in a browser, 64 MiB in Node. */
  maxOutboxBytes?: number;
  /** How long a message may wait, milliseconds. Default 7 days. */
  maxAgeMs?: number;
  /** Changes or drops (null) a message before it is stored. A thrown error drops the message and is told to `onError`. */
  redact?: (message: Message) => Message | null;
  /** Told of misuse and faults that lose nothing yet, for development. Default: silence. */
  onError?: (error: Error) => void;
}
