import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openFileOutbox, SpoolInUseError, type FileOutbox, type FileOutboxOptions } from '../file-outbox.js';

/**
 * A spool directory that several processes share: each takes a numbered subdirectory of its own, so that the workers of a
 * cluster, and the old and the new process of a deployment, need no directories to be handed out.
 */
export interface SpoolSlots {
  readonly outbox: FileOutbox;
  /**
   * Takes over what processes left behind that are gone. A message is in the own outbox before it leaves the other, so that
   * at worst it is sent twice, with one id. Rejects when a disk fails; what was not taken over stays where it is.
   */
  adopt(): Promise<void>;
}

export type SlotOptions = Omit<FileOutboxOptions, 'dir'> & { spoolDir: string };

const MAX_SLOTS = 256;
const ADOPTED_AT_ONCE = { messages: 500, bytes: 1024 * 1024 };
const SLOT = /^\d{1,3}$/;

/** @throws when the directory cannot be written, or 256 processes use it already. */
export function openSlot(options: SlotOptions): SpoolSlots {
  const { spoolDir, ...outboxOptions } = options;
  mkdirSync(spoolDir, { recursive: true, mode: 0o700 });
  for (let slot = 0; slot < MAX_SLOTS; slot++) {
    const outbox = openIfFree({ ...outboxOptions, dir: join(spoolDir, String(slot)) });
    if (outbox !== undefined) return { outbox, adopt: () => adoptAll(outbox, slot, options) };
  }
  throw new Error(`All ${MAX_SLOTS} places of the spool ${spoolDir} are in use.`);
}

function openIfFree(options: FileOutboxOptions): FileOutbox | undefined {
  try {
    return openFileOutbox(options);
  } catch (error) {
    if (error instanceof SpoolInUseError) return undefined;
    throw error;
  }
}

async function adoptAll(own: FileOutbox, ownSlot: number, options: SlotOptions): Promise<void> {
  for (const name of readdirSync(options.spoolDir)) {
    const dir = join(options.spoolDir, name);
    if (!SLOT.test(name) || Number(name) === ownSlot || !holdsSegments(dir)) continue;
    const left = openIfFree({ ...options, dir, maxMessages: Infinity, maxBytes: Infinity });
    if (left === undefined) continue;
    try {
      await move(left, own, options);
    } finally {
      await left.close();
    }
  }
}

/** As far as the own outbox has room: what waits longest must not be what the bounds drop. */
async function move(from: FileOutbox, to: FileOutbox, bounds: SlotOptions): Promise<void> {
  while (from.size > 0) {
    const messages = Math.min(ADOPTED_AT_ONCE.messages, bounds.maxMessages - to.size);
    const bytes = Math.min(ADOPTED_AT_ONCE.bytes, bounds.maxBytes - to.bytes);
    if (messages <= 0 || bytes <= 0) return;
    const moved = await from.lease({ messages, bytes }, Infinity);
    if (!to.isOpen || moved.length === 0 || to.bytes + moved[0]!.bytes > bounds.maxBytes) return;
    for (const message of moved) to.append(message);
    await to.settled();
    if (!to.isOnDisk) return;
    await from.remove(moved.map(({ messageId }) => messageId));
  }
}

function holdsSegments(dir: string): boolean {
  try {
    return readdirSync(dir).some((name) => name.endsWith('.spool'));
  } catch {
    // Not a directory, or gone meanwhile.
    return false;
  }
}
