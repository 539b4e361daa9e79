import fc from 'fast-check';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { StoredMessage } from '../core/outbox.js';
import { describeOutbox } from '../core/testing/index.js';
import { openFileOutbox, SpoolInUseError, type FileOutbox, type FileOutboxOptions } from './file-outbox.js';

const WRITER = fileURLToPath(new URL('./spool/spool-writer.ts', import.meta.url));
const EVERYTHING = { messages: 1e6, bytes: 1e9 };
const opened: FileOutbox[] = [];
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-file-outbox-'));
});

afterEach(async () => {
  for (const outbox of opened.splice(0)) await outbox.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(options: Partial<FileOutboxOptions> = {}): FileOutbox {
  const outbox = openFileOutbox({
    dir: join(dir, 'spool'),
    maxMessages: 1e6,
    maxBytes: 1e9,
    maxAgeMs: Infinity,
    onDrop: () => undefined,
    ...options,
  });
  opened.push(outbox);
  return outbox;
}

function message(n: number, padding = 0): StoredMessage {
  const json = JSON.stringify({ messageId: `m${n}`, text: 'ü'.repeat(padding) });
  return { messageId: `m${n}`, json, bytes: Buffer.byteLength(json), storedAtMs: 1_000 + n };
}

async function idsIn(outbox: FileOutbox): Promise<string[]> {
  return (await outbox.lease(EVERYTHING, 0)).map(({ messageId }) => messageId);
}

/** The directory as a killed process leaves it, under another name. */
function crashImage(
  from = join(dir, 'spool'),
  name = `image-${Math.random().toString(36).slice(2)}`,
): string {
  const to = join(dir, name);
  cpSync(from, to, { recursive: true });
  rmSync(join(to, 'writer.lock'), { force: true });
  return to;
}

function segmentsOf(of: string): string[] {
  return readdirSync(of)
    .filter((name) => name.endsWith('.spool'))
    .sort()
    .map((name) => join(of, name));
}

describeOutbox('a spool', () => {
  const contractDir = mkdtempSync(join(tmpdir(), 'sluice-file-outbox-'));
  let nowMs = 0;
  return {
    open: async (bounds) =>
      openFileOutbox({ ...bounds, dir: contractDir, segmentBytes: 300, now: () => nowMs }),
    setNow: (ms) => void (nowMs = ms),
    isDurable: true,
    // What a process had in the air ends with it.
    keepsLeases: false,
    dispose: async () => rmSync(contractDir, { recursive: true }),
  };
});

describe('openFileOutbox', () => {
  it('gives back after a crash, byte for byte and in order, what had no verdict', async () => {
    const outbox = open({ segmentBytes: 300 });
    for (let n = 0; n < 30; n++) outbox.append(message(n, n));
    await outbox.remove(['m0', 'm1', 'm7', 'm29']);
    const after = open({ dir: crashImage() });
    expect(after.recovery).toEqual({ messages: 26, cut: [], damaged: [] });
    expect(await after.lease(EVERYTHING, Infinity)).toEqual(
      Array.from({ length: 30 }, (_, n) => message(n, n)).filter(
        ({ messageId }) => !['m0', 'm1', 'm7', 'm29'].includes(messageId),
      ),
    );
  });

  it('cuts a write that was under way off, and keeps everything before it', async () => {
    const outbox = open();
    for (let n = 0; n < 3; n++) outbox.append(message(n, 20));
    const whole = statSync(segmentsOf(join(dir, 'spool'))[0]!).size;
    outbox.append(message(3, 20));
    const torn = statSync(segmentsOf(join(dir, 'spool'))[0]!).size;
    for (let size = whole + 1; size < torn; size += 5) {
      const image = crashImage();
      truncateSync(segmentsOf(image)[0]!, size);
      const after = open({ dir: image });
      expect(after.recovery.cut).toHaveLength(1);
      expect(after.recovery.damaged).toEqual([]);
      expect(await idsIn(after)).toEqual(['m0', 'm1', 'm2']);
      after.append(message(4));
      await after.close();
      expect(await idsIn(open({ dir: image }))).toEqual(['m0', 'm1', 'm2', 'm4']);
    }
  });

  it('takes zeros at the end, as a loss of power leaves them, for a write that never was', async () => {
    open().append(message(0));
    const image = crashImage();
    appendFileSync(segmentsOf(image)[0]!, Buffer.alloc(4_096));
    const after = open({ dir: image });
    expect(after.recovery).toMatchObject({ messages: 1, cut: [{ bytes: 4_096 }], damaged: [] });
  });

  it('sets a damaged file aside as it was, tells of it, and keeps what stands before the damage and in other files', async () => {
    const outbox = open({ segmentBytes: 400 });
    for (let n = 0; n < 12; n++) outbox.append(message(n, 30));
    const image = crashImage();
    const [, second] = segmentsOf(image);
    const bytes = readFileSync(second!);
    bytes[bytes.length - 3]! ^= 0xff;
    writeFileSync(second!, bytes);
    const told: string[] = [];
    const after = open({ dir: image, onError: (error) => told.push(error.message) });
    const kept = await idsIn(after);
    expect(kept).toEqual(Array.from({ length: 12 }, (_, n) => `m${n}`).filter((id) => kept.includes(id)));
    expect(kept.length).toBe(11);
    expect(readFileSync(`${second!}.damaged`)).toEqual(bytes);
    expect(told.join()).toContain('set aside');
  });

  it('gives an id that stands twice on the disk once', async () => {
    open().append(message(0));
    const other = open({ dir: join(dir, 'other'), segmentBytes: 1 });
    for (const n of [8, 9, 0]) other.append(message(n));
    const image = crashImage();
    cpSync(segmentsOf(join(dir, 'other'))[2]!, join(image, '000000000003.spool'));
    expect(await idsIn(open({ dir: image }))).toEqual(['m0']);
  });

  it('has one writer a directory, and frees the directory when it is closed', async () => {
    const outbox = open();
    expect(() => open()).toThrow(SpoolInUseError);
    outbox.append(message(1));
    await outbox.close();
    expect(await idsIn(open())).toEqual(['m1']);
  });

  it('leaves no files behind when everything has its verdict', async () => {
    const outbox = open({ segmentBytes: 300 });
    for (let n = 0; n < 20; n++) outbox.append(message(n));
    await outbox.remove(Array.from({ length: 20 }, (_, n) => `m${n}`));
    await outbox.close();
    expect(readdirSync(join(dir, 'spool'))).toEqual([]);
  });

  it('keeps its files small while one old message waits and many come and go', async () => {
    const outbox = open({ segmentBytes: 4_096 });
    outbox.append(message(0));
    for (let n = 1; n < 3_000; n++) {
      outbox.append(message(n, 100));
      await outbox.remove([`m${n}`]);
    }
    const size = segmentsOf(join(dir, 'spool')).reduce((sum, path) => sum + statSync(path).size, 0);
    expect(size).toBeLessThan(4 * 4_096);
    expect(await idsIn(open({ dir: crashImage() }))).toEqual(['m0']);
  });

  it('forgets everything on purge, on disk too', async () => {
    const outbox = open();
    for (let n = 0; n < 5; n++) outbox.append(message(n));
    await outbox.purge();
    expect(outbox.size).toBe(0);
    expect(segmentsOf(join(dir, 'spool'))).toEqual([]);
    outbox.append(message(9));
    expect(await idsIn(open({ dir: crashImage() }))).toEqual(['m9']);
  });

  it('keeps messages in memory while the disk refuses them, and writes them once it does not', async () => {
    const told: string[] = [];
    const outbox = open({ segmentBytes: 1, onError: (error) => told.push(error.message) });
    // Whoever is root may write anywhere; a directory in the place of the next file stops even root.
    outbox.append(message(0));
    const obstacle = join(dir, 'spool', '000000000002.spool');
    mkdirSync(obstacle);
    outbox.append(message(1));
    outbox.append(message(2));
    expect(told).toHaveLength(1);
    await outbox.settled();
    expect(outbox.isOnDisk).toBe(false);
    expect((await outbox.lease(EVERYTHING, 0)).map(({ json }) => json)).toEqual(
      [0, 1, 2].map((n) => message(n).json),
    );
    rmSync(obstacle, { recursive: true });
    await expect.poll(() => outbox.isOnDisk, { timeout: 10_000 }).toBe(true);
    expect(await idsIn(open({ dir: crashImage() }))).toEqual(['m0', 'm1', 'm2']);
  });

  it('leaves the directory alone once another writer has taken it over, and still gives everything', async () => {
    const outbox = open({ lock: { heartbeatMs: 5 } });
    outbox.append(message(0));
    outbox.append(message(1));
    // As another container does that believes this one gone.
    const lockFile = join(dir, 'spool', 'writer.lock');
    writeFileSync(lockFile, 'another');
    // It notices with its next heartbeat.
    let last = 1;
    await expect
      .poll(() => {
        outbox.append(message(++last));
        return outbox.isOnDisk;
      })
      .toBe(false);
    const before = readdirSync(join(dir, 'spool'));
    const size = statSync(segmentsOf(join(dir, 'spool'))[0]!).size;
    await outbox.remove(['m0']);
    outbox.append(message(++last));
    expect(await idsIn(outbox)).toEqual(Array.from({ length: last }, (_, n) => `m${n + 1}`));
    await outbox.close();
    expect(readdirSync(join(dir, 'spool'))).toEqual(before);
    expect(statSync(segmentsOf(join(dir, 'spool'))[0]!).size).toBe(size);
    expect(readFileSync(lockFile, 'utf8')).toBe('another');
  });

  it('drops a message that alone is beyond the bound, and nothing else', () => {
    const drops: unknown[] = [];
    const outbox = open({ maxBytes: 2_000, onDrop: (ids, reason) => drops.push([ids, reason]) });
    outbox.append(message(1));
    outbox.append(message(2, 2_000));
    expect(drops).toEqual([[['m2'], 'too_large']]);
    expect(outbox.size).toBe(1);
  });

  it('applies its bounds to what it finds', () => {
    const outbox = open();
    for (let n = 0; n < 5; n++) outbox.append(message(n));
    const drops: unknown[] = [];
    const after = open({
      dir: crashImage(),
      maxMessages: 2,
      onDrop: (ids, reason) => drops.push([ids, reason]),
    });
    expect(after.size).toBe(2);
    expect(drops).toEqual([[['m0', 'm1', 'm2'], 'outbox_full']]);
  });

  it('does what a list would, whatever the order of calls, restarts and crashes', async () => {
    const call = fc.oneof(
      { weight: 6, arbitrary: fc.record({ call: fc.constant('append'), n: fc.nat(80), pad: fc.nat(60) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          call: fc.constant('lease'),
          messages: fc.integer({ min: 1, max: 6 }),
          bytes: fc.integer({ min: 1, max: 400 }),
          forMs: fc.nat(40),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ call: fc.constant('remove'), picks: fc.array(fc.nat(12), { maxLength: 4 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ call: fc.constant('release'), picks: fc.array(fc.nat(12), { maxLength: 4 }) }),
      },
      { weight: 2, arbitrary: fc.record({ call: fc.constant('pass'), ms: fc.nat(60) }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constantFrom('restart', 'crash', 'settle') }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('purge') }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(call as fc.Arbitrary<Call>, { maxLength: 60 }), async (calls) => {
        await runAgainstModel(calls);
      }),
      { numRuns: 400 },
    );
  });

  it('keeps every acknowledged message, once and in order, when its process is killed at any moment', async () => {
    const spool = join(dir, 'spool');
    const acknowledged: number[] = [];
    for (let kill = 0; kill < 4; kill++) {
      const target = acknowledged.length + 200 + Math.floor(Math.random() * 2_000);
      const child = spawn(
        process.execPath,
        ['--conditions=sluice-source', '--import', 'tsx', WRITER, spool, String(kill * 1_000_000)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const exited = once(child, 'exit');
      onTestFinished(() => void child.kill('SIGKILL'));
      let text = '';
      for await (const chunk of child.stdout) {
        text += String(chunk);
        const lines = text.split('\n');
        text = lines.pop()!;
        acknowledged.push(...lines.map(Number));
        if (acknowledged.length >= target) child.kill('SIGKILL');
      }
      expect(await exited).toEqual([null, 'SIGKILL']);
    }
    const kept = (await idsIn(open())).map((id) => Number(id.slice(1)));
    const there = new Set(kept);
    // The writer removes each message with an odd number right after it stored it.
    expect(acknowledged.filter((n) => n % 2 === 0 && !there.has(n))).toEqual([]);
    expect(acknowledged.filter((n) => n % 2 === 1 && there.has(n))).toEqual([]);
    expect(there.size).toBe(kept.length);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
  }, 120_000);
});

type Call =
  | { call: 'append'; n: number; pad: number }
  | { call: 'lease'; messages: number; bytes: number; forMs: number }
  | { call: 'remove' | 'release'; picks: number[] }
  | { call: 'pass'; ms: number }
  | { call: 'restart' | 'crash' | 'settle' | 'purge' };

/** The same calls on the outbox and on a list; both must say the same after each. */
async function runAgainstModel(calls: readonly Call[]): Promise<void> {
  const bounds = { maxMessages: 10, maxBytes: 900, maxAgeMs: 100 };
  let nowMs = 1_000;
  const drops: string[] = [];
  let spool = join(dir, `model-${Math.random().toString(36).slice(2)}`);
  const options = (): Partial<FileOutboxOptions> => ({
    ...bounds,
    dir: spool,
    segmentBytes: 500,
    now: () => nowMs,
    onDrop: (ids, reason) => drops.push(...ids.map((id) => `${id} ${reason}`)),
  });
  let outbox = open(options());
  let list: { message: StoredMessage; until: number }[] = [];
  const expectedDrops: string[] = [];

  const drop = (at: number, reason: string): void => {
    expectedDrops.push(`${list[at]!.message.messageId} ${reason}`);
    list.splice(at, 1);
  };
  const expire = (): void => {
    for (;;) {
      const at = list.findIndex(({ until }) => until <= nowMs);
      if (at < 0 || nowMs - list[at]!.message.storedAtMs <= bounds.maxAgeMs) return;
      drop(at, 'expired');
    }
  };
  const shrink = (): void => {
    for (;;) {
      const bytes = list.reduce((sum, entry) => sum + entry.message.bytes, 0);
      const at = list.findIndex(({ until }) => until <= nowMs);
      if ((list.length <= bounds.maxMessages && bytes <= bounds.maxBytes) || at < 0) return;
      drop(at, 'outbox_full');
    }
  };
  const reopen = (): void => {
    for (const entry of list) entry.until = 0;
    outbox = open(options());
    expire();
    shrink();
  };
  const pick = (picks: readonly number[]): string[] =>
    picks.flatMap((at) => (list[at] === undefined ? [] : [list[at].message.messageId]));

  for (const step of calls) {
    switch (step.call) {
      case 'append': {
        const appended = { ...message(step.n, step.pad), storedAtMs: nowMs };
        outbox.append(appended);
        if (list.some((entry) => entry.message.messageId === appended.messageId)) break;
        list.push({ message: appended, until: 0 });
        expire();
        shrink();
        break;
      }
      case 'lease': {
        const leased = await outbox.lease(step, nowMs + step.forMs);
        expire();
        const expected: StoredMessage[] = [];
        let bytes = 0;
        for (const entry of list) {
          if (entry.until > nowMs) continue;
          const isOver = expected.length > 0 && bytes + entry.message.bytes > step.bytes;
          if (expected.length >= step.messages || isOver) break;
          entry.until = nowMs + step.forMs;
          bytes += entry.message.bytes;
          expected.push(entry.message);
        }
        expect(leased).toEqual(expected);
        break;
      }
      case 'remove': {
        const ids = pick(step.picks);
        await outbox.remove([...ids, 'unknown']);
        list = list.filter((entry) => !ids.includes(entry.message.messageId));
        break;
      }
      case 'release': {
        const ids = pick(step.picks);
        await outbox.release(ids);
        for (const entry of list) if (ids.includes(entry.message.messageId)) entry.until = 0;
        break;
      }
      case 'pass':
        nowMs += step.ms;
        break;
      case 'settle':
        await outbox.settled();
        break;
      case 'purge':
        await outbox.purge();
        list = [];
        break;
      case 'restart':
        await outbox.close();
        reopen();
        break;
      case 'crash':
        spool = crashImage(spool);
        reopen();
        break;
    }
    expect(outbox.size).toBe(list.length);
    expect(outbox.bytes).toBe(list.reduce((sum, entry) => sum + entry.message.bytes, 0));
    expect(drops).toEqual(expectedDrops);
  }
  await outbox.close();
}
