import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LogFullError, RecordTooLargeError, type EventLog } from '../src/index.js';
import { collect, count, createTestLogs, describeEventLog, newRecord, startProcess } from './contract.js';

const run = promisify(execFile);

let directory: string;
let made = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-log-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const under = { freshUrl: async () => `embedded:${join(directory, `log ${made++}`)}` };

describeEventLog('embedded', under);

const KB = 1024;
const MB = 1024 * KB;

async function appendUntilFull(log: EventLog, bytes: number): Promise<number> {
  for (let appended = 0; ; appended++) {
    try {
      await log.append([
        newRecord(appended % log.partitionCount, String(appended), { value: Buffer.alloc(bytes, 'x') }),
      ]);
    } catch (error) {
      if (error instanceof LogFullError) return appended;
      throw error;
    }
  }
}

describe('embedded: several processes', () => {
  const logs = createTestLogs(under);
  afterEach(() => logs.closeAll());

  it('gives each record an offset of its own when several processes append, also while one is killed', async () => {
    const log = await logs.open();
    const appenders = ['a', 'b', 'c'].map((name) => {
      const appender = startProcess('append', log.url, name);
      const acknowledged: string[] = [];
      appender.lines.on('line', (line) => acknowledged.push(line));
      return { ...appender, acknowledged };
    });
    const own: string[] = [];
    const appended = async () => {
      const text = `own:${own.length}`;
      await log.append([newRecord(own.length % 4, text)]);
      own.push(text);
    };
    while (appenders.some(({ acknowledged }) => acknowledged.length < 50)) await appended();
    // Killed in the middle of appending, it must not leave the log locked.
    await appenders[0]!.kill();
    const before = appenders[1]!.acknowledged.length;
    while (appenders[1]!.acknowledged.length < before + 50) await appended();
    await Promise.all(appenders.slice(1).map((appender) => appender.kill()));

    const ends = await log.endOffsets();
    const seen = await collect(log);
    await seen.until(() => count(seen.texts) >= ends.reduce((sum, end) => sum + end, 0));
    const stored = seen.texts.flat();
    expect(new Set(stored).size).toBe(stored.length);
    const missing = [...own, ...appenders.flatMap(({ acknowledged }) => acknowledged)].filter(
      (text) => !stored.includes(text),
    );
    expect(missing).toEqual([]);
  });

  it('sees what another process appends within a fraction of a second', async () => {
    const log = await logs.open();
    const consumer = startProcess('consume', log.url, 'other');
    await once(consumer.lines, 'line');
    const delays: number[] = [];
    for (let i = 0; i < 20; i++) {
      const read = once(consumer.lines, 'line');
      const startedAt = performance.now();
      await log.append([newRecord(i % 4, String(i))]);
      expect(await read).toEqual([`read ${i}`]);
      delays.push(performance.now() - startedAt);
    }
    await consumer.kill();
    delays.sort((a, b) => a - b);
    expect(delays[10]).toBeLessThan(100);
  });

  it('lets one consumer of a group wait until the other stops', async () => {
    const log = await logs.open();
    await log.append([newRecord(0, 'a')]);
    const first = await collect(log);
    await first.until(() => count(first.texts) === 1);
    const second = await collect(log);
    const other = await collect(log, { group: 'another group' });
    await other.until(() => count(other.texts) === 1);
    expect(count(second.texts)).toBe(0);
    await first.consumer.stop();
    await second.until(() => count(second.texts) === 1);
  });

  it("takes a group over from a consumer's process that was killed", async () => {
    const log = await logs.open();
    const killed = startProcess('consume', log.url, 'test');
    expect(await once(killed.lines, 'line')).toEqual(['assigned 0,1,2,3']);
    const waiting = await collect(log);
    await killed.kill();
    await log.append([newRecord(0, 'for the next one')]);
    await waiting.until(() => count(waiting.texts) === 1);
  });
});

describe('embedded: bounds', () => {
  const logs = createTestLogs(under);
  afterEach(() => logs.closeAll());

  it('rejects appends at its bound and drops nothing that was not released', async () => {
    const log = await logs.open(undefined, { maxBytes: 2 * MB });
    const appended = await appendUntilFull(log, 30 * KB);
    expect(appended).toBeGreaterThan(50);
    expect(await log.startOffsets()).toEqual([0, 0, 0, 0]);
    const seen = await collect(log);
    await seen.until(() => count(seen.texts) === appended);
  });

  it('makes room by dropping released records, the oldest first, and no more than it needs', async () => {
    const log = await logs.open(undefined, { maxBytes: 2 * MB });
    await appendUntilFull(log, 30 * KB);
    const ends = await log.endOffsets();
    await log.release(
      new Map([
        [0, ends[0]! - 2],
        [1, 1],
      ]),
    );
    await log.append([newRecord(3, 'fits now', { value: Buffer.alloc(30 * KB) })]);
    const starts = await log.startOffsets();
    expect(starts[0]).toBeGreaterThan(0);
    expect(starts[0]).toBeLessThanOrEqual(ends[0]! - 2);
    expect(starts[1]).toBeLessThanOrEqual(1);
    expect(starts.slice(2)).toEqual([0, 0]);
    await appendUntilFull(log, 30 * KB);
    expect(await log.startOffsets()).toEqual([ends[0]! - 2, 1, 0, 0]);
  });

  it('forgets released records that are older than the age, and keeps those that were not released', async () => {
    const log = await logs.open(undefined, { maxAgeMs: 0 });
    const old = await log.append([newRecord(0, 'a'), newRecord(0, 'b'), newRecord(0, 'c')]);
    while (Date.now() <= (await lastAppendedAt(log))) await log.ping();
    await log.release(new Map([[0, old[1]!.offset + 1]]));
    expect(await log.startOffsets()).toEqual([2, 0, 0, 0]);
    const seen = await collect(log, { startAt: async (partition) => (partition === 0 ? 2 : 0) });
    await seen.until(() => count(seen.texts) === 1);
    expect(seen.texts[0]).toEqual(['c']);
  });

  it('never releases more than there is, nor takes a release back', async () => {
    const log = await logs.open(undefined, { maxBytes: MB });
    await log.append([newRecord(0, 'a')]);
    await log.release(new Map([[0, 1_000]]));
    await log.release(new Map([[0, 0]]));
    await log.append([newRecord(0, 'b')]);
    const appended = await appendUntilFull(log, 30 * KB);
    expect(appended).toBeGreaterThan(10);
    expect((await log.startOffsets())[0]).toBe(1);
  });

  it('says that records are gone to a consumer that starts before them', async () => {
    const log = await logs.open(undefined, { maxAgeMs: 0 });
    await log.append([newRecord(0, 'a'), newRecord(0, 'b')]);
    while (Date.now() <= (await lastAppendedAt(log))) await log.ping();
    await log.release(new Map([[0, 1]]));
    const seen = await collect(log);
    await seen.until(() => count(seen.texts) === 1);
    expect(seen.errors.map(String)).toEqual([
      'RecordsLostError: the event log no longer has the records 0 to 0 of partition 0',
    ]);
    expect(seen.batches[0]).toMatchObject({ from: 0, to: 2 });
  });

  it('refuses what could never fit', async () => {
    const log = await logs.open(undefined, { maxBytes: MB });
    await expect(log.append([newRecord(0, '', { value: Buffer.alloc(2 * MB) })])).rejects.toThrow(
      RecordTooLargeError,
    );
  });

  it('rejects appends when the disk is full, and stays usable', async () => {
    const log = await logs.open();
    const fill = fileURLToPath(new URL('./processes/fill.ts', import.meta.url));
    const command = `ulimit -f 8192; exec '${process.execPath}' --conditions=sluice-source --import=tsx '${fill}' '${log.url}'`;
    const { stdout } = await run('sh', ['-c', command]);
    const { resolved, rejections, endOffset } = JSON.parse(stdout) as Record<string, unknown>;
    expect(rejections).toEqual(['LogUnavailableError', 'LogUnavailableError']);
    expect(resolved).toBeGreaterThan(10);
    expect(endOffset).toBe(resolved);
    // This process has no limit.
    expect(await log.append([newRecord(0, 'next')])).toEqual([{ partition: 0, offset: resolved }]);
    const seen = await collect(log);
    await seen.until(() => count(seen.texts) === Number(resolved) + 1);
  });

  it('keeps its file bounded while records of all sizes come and go', async () => {
    const log = await logs.open(undefined, { maxBytes: 16 * MB });
    const sizes = [200, 3 * KB, 30 * KB, 700, 400 * KB, 5 * KB, 1.5 * MB];
    for (let round = 0; round < 150; round++) {
      const appended = await log.append(
        sizes.map((size, i) => newRecord((round + i) % 4, 'x', { value: Buffer.alloc(size) })),
      );
      await log.release(new Map(appended.map(({ partition, offset }) => [partition, offset + 1])));
    }
    const { size } = await stat(join(log.url.slice('embedded:'.length), 'data.mdb'));
    expect(size).toBeLessThan(2 * 16 * MB);
  });
});

async function lastAppendedAt(log: EventLog): Promise<number> {
  const seen = await collect(log, { group: 'looking' });
  const ends = await log.endOffsets();
  await seen.until(() => count(seen.texts) === ends.reduce((sum, end) => sum + end, 0));
  await seen.consumer.stop();
  return seen.batches.at(-1)!.records.at(-1)!.appendedAtMs;
}
