import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredMessage } from '../../core/outbox.js';
import { openSlot, type SlotOptions, type SpoolSlots } from './slots.js';

describe('openSlot', () => {
  let spoolDir: string;
  const opened: SpoolSlots[] = [];

  beforeEach(() => {
    spoolDir = mkdtempSync(join(tmpdir(), 'sluice-slots-'));
  });

  afterEach(async () => {
    for (const { outbox } of opened.splice(0)) await outbox.close();
    rmSync(spoolDir, { recursive: true });
  });

  function open(options: Partial<SlotOptions> = {}): SpoolSlots {
    const slots = openSlot({
      spoolDir,
      maxMessages: 1e6,
      maxBytes: 1e9,
      maxAgeMs: Infinity,
      onDrop: () => undefined,
      ...options,
    });
    opened.push(slots);
    return slots;
  }

  function message(n: number): StoredMessage {
    const json = JSON.stringify({ messageId: `m${n}` });
    return { messageId: `m${n}`, json, bytes: json.length, storedAtMs: n };
  }

  async function idsIn({ outbox }: SpoolSlots): Promise<string[]> {
    const leased = await outbox.lease({ messages: 1e6, bytes: 1e9 }, 0);
    return leased.map(({ messageId }) => messageId);
  }

  /** What a killed process that had a place of its own leaves. */
  async function leaveBehind(slot: number, messages: readonly StoredMessage[]): Promise<void> {
    const elsewhere = mkdtempSync(join(tmpdir(), 'sluice-slots-'));
    const left = openSlot({
      spoolDir: elsewhere,
      maxMessages: 1e6,
      maxBytes: 1e9,
      maxAgeMs: Infinity,
      onDrop: () => undefined,
    });
    for (const each of messages) left.outbox.append(each);
    await left.outbox.close();
    cpSync(join(elsewhere, '0'), join(spoolDir, String(slot)), { recursive: true });
    rmSync(elsewhere, { recursive: true });
  }

  it('gives each of several writers a place of its own, and what was left in it', async () => {
    const first = open();
    const second = open();
    first.outbox.append(message(1));
    second.outbox.append(message(2));
    await first.outbox.close();
    const third = open();
    expect(await idsIn(second)).toEqual(['m2']);
    expect(await idsIn(third)).toEqual(['m1']);
  });

  it('takes over what is left of processes that are gone, and nothing of those that are not', async () => {
    const own = open();
    const other = open();
    other.outbox.append(message(1));
    await leaveBehind(5, [message(50), message(51)]);
    await own.adopt();
    expect(await idsIn(own)).toEqual(['m50', 'm51']);
    expect(await idsIn(other)).toEqual(['m1']);
    await leaveBehind(7, [message(70)]);
    await own.adopt();
    expect(await idsIn(own)).toEqual(['m50', 'm51', 'm70']);
    await own.adopt();
    expect(own.outbox.size).toBe(3);
  });

  it('takes over only what it has room for, and drops nothing for it', async () => {
    const drops: unknown[] = [];
    const own = open({ maxMessages: 3, onDrop: (ids, reason) => drops.push([ids, reason]) });
    own.outbox.append(message(1));
    await leaveBehind(1, [message(10), message(11), message(12)]);
    await own.adopt();
    expect(await idsIn(own)).toEqual(['m1', 'm10', 'm11']);
    await own.outbox.remove(['m1', 'm10']);
    await own.adopt();
    expect(await idsIn(own)).toEqual(['m11', 'm12']);
    expect(drops).toEqual([]);
  });
});
