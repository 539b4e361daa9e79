import fc from 'fast-check';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame, readFrame, type SpoolEntry } from './frame.js';
import type { Recovery } from './segment.js';
import { openSpool, SpoolUnavailableError, type Spool } from './spool.js';

const anyEntry: fc.Arbitrary<SpoolEntry> = fc.record({
  receivedAtMs: fc.nat(),
  messages: fc.nat(2_500),
  records: fc.array(
    fc.record({
      partition: fc.nat(100),
      key: fc.string({ unit: 'grapheme' }),
      headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ unit: 'grapheme' })),
      value: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    }),
    { maxLength: 3 },
  ),
});

function entry(n: number, bytes = 10): SpoolEntry {
  const value = Buffer.alloc(bytes, String(n % 10));
  return { receivedAtMs: n, messages: 1, records: [{ partition: 0, key: `k${n}`, headers: {}, value }] };
}

describe('a frame', () => {
  it('reads back as it was written, wherever it stands', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(20), (written, offset) => {
        const frame = encodeFrame(written);
        const read = readFrame(Buffer.concat([Buffer.alloc(offset, 0xee), frame]), offset);
        if (read.kind !== 'entry') throw new Error(`is ${read.kind}`);
        expect(read.entry.receivedAtMs).toBe(written.receivedAtMs);
        expect(read.entry.messages).toBe(written.messages);
        expect(read.entry.records.map((record) => ({ ...record, headers: { ...record.headers } }))).toEqual(
          written.records.map((record) => ({ ...record, headers: { ...record.headers } })),
        );
        expect(read.end).toBe(offset + frame.length);
      }),
    );
  });

  it('is not taken for whole when it is cut short or changed anywhere', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, at, change) => {
        const frame = encodeFrame(written);
        expect(readFrame(frame.subarray(0, at % frame.length), 0).kind).not.toBe('entry');
        frame[at % frame.length]! ^= change;
        expect(readFrame(frame, 0).kind).not.toBe('entry');
      }),
    );
  });
});

describe('the spool', () => {
  let dir: string;
  let spool: Spool | undefined;
  let recovery: Recovery | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-spool-'));
  });
  afterEach(async () => {
    await spool?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const open = async (options: { maxBytes?: number; segmentBytes?: number } = {}): Promise<Spool> => {
    await spool?.close();
    spool = await openSpool({ dir, maxBytes: 1e9, onRecovered: (found) => (recovery = found), ...options });
    return spool;
  };
  const segments = async () => (await readdir(dir)).filter((name) => name.endsWith('.spool')).sort();
  const drainAll = async (from: Spool): Promise<number[]> => {
    const drained: number[] = [];
    for (let batch = await from.readHead(50); batch !== undefined; batch = await from.readHead(50)) {
      drained.push(...batch.entries.map(({ receivedAtMs }) => receivedAtMs));
      await batch.confirm();
    }
    return drained;
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

  it('gives entries back in order, over many segments, and is empty afterwards', async () => {
    const opened = await open({ segmentBytes: 300 });
    expect(opened.isEmpty).toBe(true);
    for (const n of upTo(40)) await opened.append(entry(n));
    expect((await segments()).length).toBeGreaterThan(3);
    expect(opened.state).toMatchObject({ messages: 40, oldestReceiptMs: 0 });
    expect(await drainAll(opened)).toEqual(upTo(40));
    expect(opened.isEmpty).toBe(true);
    expect(opened.state).toEqual({ bytes: 0, messages: 0, oldestReceiptMs: undefined });
    expect(await segments()).toEqual([]);
    await opened.append(entry(41));
    expect(await drainAll(opened)).toEqual([41]);
  });

  it('keeps the order of appends that wait for the disk together', async () => {
    const opened = await open();
    await Promise.all(upTo(100).map((n) => opened.append(entry(n))));
    expect(await drainAll(opened)).toEqual(upTo(100));
  });

  it('keeps what is not confirmed', async () => {
    const opened = await open();
    for (const n of upTo(10)) await opened.append(entry(n));
    await opened.readHead(50);
    expect(await drainAll(opened)).toEqual(upTo(10));
  });

  it('takes an entry that is larger than what is read at once', async () => {
    const opened = await open({ segmentBytes: 100 });
    await opened.append(entry(0, 5_000_000));
    await opened.append(entry(1));
    expect(await drainAll(opened)).toEqual([0, 1]);
  });

  it('takes appends while it is drained', async () => {
    const opened = await open({ segmentBytes: 400 });
    const drained: number[] = [];
    const appended = (async () => {
      for (const n of upTo(60)) await opened.append(entry(n));
    })();
    while (drained.length < 60) {
      await opened.filled();
      drained.push(...(await drainAll(opened)));
    }
    await appended;
    expect(drained).toEqual(upTo(60));
    expect(opened.isEmpty).toBe(true);
  });

  it('goes on after a restart where it had been drained to', async () => {
    let opened = await open({ segmentBytes: 300 });
    for (const n of upTo(20)) await opened.append(entry(n));
    const batch = await opened.readHead(1);
    await batch!.confirm();
    opened = await open({ segmentBytes: 300 });
    expect(opened.state).toMatchObject({ messages: 19, oldestReceiptMs: 1 });
    await opened.append(entry(20));
    expect(await drainAll(opened)).toEqual(upTo(21).slice(1));
  });

  it('cuts off a write that a crash left unfinished, and keeps all before it', async () => {
    let opened = await open();
    for (const n of upTo(5)) await opened.append(entry(n));
    const [name] = await segments();
    await opened.close();
    const frame = encodeFrame(entry(5));
    await appendFile(join(dir, name!), frame.subarray(0, frame.length - 3));
    opened = await open();
    expect(recovery!.cut).toEqual([{ segment: name, bytes: frame.length - 3 }]);
    expect(await drainAll(opened)).toEqual(upTo(5));
  });

  it('comes back from an end cut anywhere with a beginning of what was appended', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (cut) => {
        let opened = await open();
        for (const n of upTo(4)) await opened.append(entry(n));
        const path = join(dir, (await segments()).at(-1)!);
        await opened.close();
        const { length } = await readFile(path);
        await truncate(path, cut % (length + 1));
        opened = await open();
        const drained = await drainAll(opened);
        expect(drained).toEqual(upTo(drained.length));
        expect(await segments()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('sets a segment aside that was damaged before its end, and drains the rest', async () => {
    let opened = await open({ segmentBytes: 200 });
    for (const n of upTo(10)) await opened.append(entry(n));
    const [first] = await segments();
    await opened.close();
    const bytes = await readFile(join(dir, first!));
    bytes[10]! ^= 0xff;
    await writeFile(join(dir, first!), bytes);
    opened = await open();
    expect(recovery!.damaged).toMatchObject([{ segment: first }]);
    expect(await readFile(join(dir, `${first}.damaged`))).toEqual(bytes);
    const drained = await drainAll(opened);
    expect(drained.at(-1)).toBe(9);
    expect(drained).toEqual(upTo(10).slice(10 - drained.length));
  });

  it('refuses what would pass its bound, and takes entries again once it is drained', async () => {
    const opened = await open({ maxBytes: 500 });
    let taken = 0;
    await expect(
      (async () => {
        for (;;) {
          await opened.append(entry(taken));
          taken++;
        }
      })(),
    ).rejects.toBeInstanceOf(SpoolUnavailableError);
    expect(opened.state.bytes).toBeLessThanOrEqual(500);
    expect(await drainAll(opened)).toEqual(upTo(taken));
    await opened.append(entry(99));
  });

  it('refuses a directory that is in use', async () => {
    await open();
    await expect(openSpool({ dir, maxBytes: 1 })).rejects.toThrow('is in use by process');
  });
});
