import type { DropReason } from './types.js';

/** A message as it waits: its JSON is what is sent, byte for byte. */
export interface StoredMessage {
  messageId: string;
  json: string;
  /** UTF-8 bytes of `json`. */
  bytes: number;
  storedAtMs: number;
}

/**
 * Where messages wait for their verdict.
 *
 * A message is in the outbox from `append` until `remove`. While a request with it is in the air it is leased, so that no
 * other page or process sends it too; a lease that runs out (its holder died) frees it. Every adapter keeps the order of
 * appends, and runs the one contract suite.
 */
export interface Outbox {
  readonly kind: 'memory' | 'local-storage' | 'indexed-db' | 'file';
  /**
   * Takes a message. Returns as soon as the caller may go on; the message is handed to the store within this call, not
   * later, so that what ends the page or process right after it loses as little as the store allows. Over its bounds the
   * outbox drops the oldest messages that are not leased and tells `onDrop`.
   */
  append(message: StoredMessage): void;
  /** Up to the limits, oldest first, of what is free; leased to the caller until `untilMs`. */
  lease(limit: { messages: number; bytes: number }, untilMs: number): Promise<StoredMessage[]>;
  /**
   * As `lease`, at once, for the moment in which a page ends: of what this page itself appended, as far as it knows.
   * Absent where nothing can be known without waiting.
   */
  leaseNow?(limit: { messages: number; bytes: number }, untilMs: number): StoredMessage[];
  /** Frees what could not be sent. */
  release(messageIds: readonly string[]): Promise<void>;
  /** Deletes what has a verdict. Resolves once a restart would not bring it back. */
  remove(messageIds: readonly string[]): Promise<void>;
  /** How many messages are in it, leased ones too; as far as known without waiting. */
  readonly size: number;
  /** Resolves once everything appended so far is stored. */
  settled(): Promise<void>;
  /** Deletes everything. */
  purge(): Promise<void>;
  close(): Promise<void>;
}

export interface OutboxBounds {
  maxMessages: number;
  maxBytes: number;
  maxAgeMs: number;
  onDrop: (messageIds: readonly string[], reason: DropReason) => void;
}
