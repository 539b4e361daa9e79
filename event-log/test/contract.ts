/** What every event log must do, whatever it is made of. Run by the tests of each adapter. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  LogUnavailableError,
  openEventLog,
  PositionError,
  type ConsumeOptions,
  type EventLog,
  type LogConsumer,
  type LogRecord,
  type NewRecord,
  type OpenEventLogOptions,
  type RecordBatch,
} from '../src/index.js';

export interface LogUnderTest {
  /** The URL of a log that does not exist yet. */
  freshUrl(): Promise<string>;
}

export const PARTITIONS = 4;

export function newRecord(partition: number, text: string, extra: Partial<NewRecord> = {}): NewRecord {
  return { partition, key: `key of ${text}`, headers: { name: text }, value: Buffer.from(text), ...extra };
}

export const textOf = (record: LogRecord): string => Buffer.from(record.value).toString();

/** Opens logs and consumers, and ends them after the test. */
export function createTestLogs(under: LogUnderTest) {
  const logs: EventLog[] = [];

  async function open(url?: string, options: OpenEventLogOptions = {}): Promise<EventLog & { url: string }> {
    const where = url ?? (await under.freshUrl());
    const log = await openEventLog(where, {
      ...(url === undefined ? { partitions: PARTITIONS } : {}),
      ...options,
    });
    logs.push(log);
    return Object.assign(log, { url: where });
  }

  return {
    open,
    freshUrl: () => under.freshUrl(),
    async closeAll(): Promise<void> {
      await Promise.all(logs.splice(0).map((log) => log.close()));
    },
  };
}

export interface Collected {
  batches: RecordBatch[];
  /** Texts of the handled records, by partition. */
  texts: string[][];
  idle: { partition: number; endOffset: number; seenAtMs: number }[];
  errors: unknown[];
  consumer: LogConsumer;
  /** Resolves when the condition holds; it is looked at whenever something happened. */
  until(condition: () => boolean): Promise<void>;
}

/** Consumes from the start, remembering its positions as a store would. */
export async function collect(log: EventLog, options: Partial<ConsumeOptions> = {}): Promise<Collected> {
  const positions = new Map<number, number>();
  const batches: RecordBatch[] = [];
  const texts = Array.from({ length: log.partitionCount }, () => [] as string[]);
  const idle: Collected['idle'] = [];
  const errors: unknown[] = [];
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const look of waiting) look();
  };
  const consumer = await log.consume({
    group: 'test',
    lingerMs: 20,
    startAt: async (partition) => positions.get(partition) ?? 0,
    onIdle: (partition, endOffset, seenAtMs) => {
      idle.push({ partition, endOffset, seenAtMs });
      changed();
    },
    onError: (error) => {
      errors.push(error);
      changed();
    },
    ...options,
    async handle(batch, signal, prepared) {
      await options.handle?.(batch, signal, prepared);
      batches.push(batch);
      texts[batch.partition]!.push(...batch.records.map(textOf));
      positions.set(batch.partition, batch.to);
      changed();
    },
  });
  return {
    batches,
    texts,
    idle,
    errors,
    consumer,
    until: (condition) =>
      new Promise((resolve) => {
        const look = () => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

export const count = (texts: readonly (readonly string[])[]): number =>
  texts.reduce((sum, t) => sum + t.length, 0);

const APPENDER = fileURLToPath(new URL('./processes/append.ts', import.meta.url));
const CONSUMER = fileURLToPath(new URL('./processes/consume.ts', import.meta.url));

/** A process of its own that uses a log, and the lines it prints. */
export function startProcess(which: 'append' | 'consume', ...args: string[]) {
  const child = spawn(
    process.execPath,
    ['--conditions=sluice-source', '--import=tsx', which === 'append' ? APPENDER : CONSUMER, ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  return {
    lines: createInterface({ input: child.stdout }),
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await exited;
    },
    exited,
  };
}

export function describeEventLog(name: string, under: LogUnderTest): void {
  describe(`${name}: what every event log does`, () => {
    const logs = createTestLogs(under);
    afterEach(() => logs.closeAll());

    it('resolves an append with the position of each record', async () => {
      const log = await logs.open();
      const first = await log.append([newRecord(0, 'a'), newRecord(2, 'b'), newRecord(0, 'c')]);
      const second = await log.append([newRecord(0, 'd')]);
      expect(first.map((position) => position.partition)).toEqual([0, 2, 0]);
      const offsets = [first[0]!, first[2]!, second[0]!].map((position) => position.offset);
      expect(offsets).toEqual([0, 1, 2]);
      expect(await log.endOffsets()).toEqual([3, 0, 1, 0]);
      expect(await log.startOffsets()).toEqual([0, 0, 0, 0]);
      expect(await log.append([])).toEqual([]);
    });

    it('gives back keys, headers and values byte for byte', async () => {
      const log = await logs.open();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const headers = { 'sluice-1': '{"ip":"::1","ü":"日本語 🎉"}', empty: '', ['__proto__']: 'kept' };
      const before = Date.now();
      await log.append([
        { partition: 1, key: 'Schlüssel 🔑', headers, value: bytes },
        { partition: 1, key: '', headers: {}, value: new Uint8Array(0) },
        { partition: 1, key: 'view', headers: {}, value: bytes.subarray(10, 20) },
      ]);
      const seen = await collect(log);
      await seen.until(() => count(seen.texts) === 3);
      const [whole, empty, view] = seen.batches.flatMap((batch) => batch.records);
      expect(whole!.key).toBe('Schlüssel 🔑');
      expect(Object.entries(whole!.headers)).toEqual(Object.entries(headers));
      expect(Buffer.from(whole!.value)).toEqual(bytes);
      expect(empty!.key).toBe('');
      expect(empty!.value.byteLength).toBe(0);
      expect(Buffer.from(view!.value)).toEqual(bytes.subarray(10, 20));
      expect(whole!.appendedAtMs).toBeGreaterThanOrEqual(before - 1_000);
      expect(whole!.appendedAtMs).toBeLessThanOrEqual(Date.now() + 1_000);
    });

    it('takes the values as they are when append is called', async () => {
      const log = await logs.open();
      const value = Buffer.from('as it was');
      const appended = log.append([{ partition: 0, key: '', headers: {}, value }]);
      await appended;
      value.fill(0);
      const seen = await collect(log);
      await seen.until(() => count(seen.texts) === 1);
      expect(seen.texts[0]).toEqual(['as it was']);
    });

    it('keeps the order of appends that run at the same time', async () => {
      const log = await logs.open();
      const appends = Array.from({ length: 1_000 }, (_, i) =>
        log.append([newRecord(i % 2, String(i)), newRecord(2, String(i))]),
      );
      const positions = (await Promise.all(appends)).flat();
      for (const partition of [0, 1, 2]) {
        const offsets = positions.filter((p) => p.partition === partition).map((p) => p.offset);
        expect(offsets).toEqual(offsets.map((_, i) => i));
      }
      const seen = await collect(log);
      await seen.until(() => count(seen.texts) === 2_000);
      const numbers = Array.from({ length: 1_000 }, (_, i) => i);
      expect(seen.texts[0]).toEqual(numbers.filter((i) => i % 2 === 0).map(String));
      expect(seen.texts[1]).toEqual(numbers.filter((i) => i % 2 === 1).map(String));
      expect(seen.texts[2]).toEqual(numbers.map(String));
    });

    it('keeps records of several megabytes whole and hands over one that is larger than a batch alone', async () => {
      const log = await logs.open();
      const large = Buffer.alloc(5 * 1024 * 1024, 'large record ');
      await log.append([
        newRecord(0, 'before'),
        newRecord(0, 'large', { value: large }),
        newRecord(0, 'after'),
      ]);
      const seen = await collect(log, { maxBytes: 1024 * 1024 });
      await seen.until(() => count(seen.texts) === 3);
      const alone = seen.batches.find((batch) => batch.records.some((r) => r.value.byteLength > 1_000_000))!;
      expect(alone.records).toHaveLength(1);
      expect(Buffer.compare(alone.records[0]!.value, large)).toBe(0);
    });

    it('hands over batches within their bounds, without a gap between them', async () => {
      const log = await logs.open();
      await log.append(Array.from({ length: 100 }, (_, i) => newRecord(0, String(i))));
      const byCount = await collect(log, { group: 'count', maxRecords: 7 });
      await byCount.until(() => count(byCount.texts) === 100);
      const byBytes = await collect(log, { group: 'bytes', maxBytes: 500 });
      await byBytes.until(() => count(byBytes.texts) === 100);
      expect(byCount.batches.every((batch) => batch.records.length <= 7)).toBe(true);
      expect(byBytes.batches.length).toBeGreaterThan(5);
      for (const { batches } of [byCount, byBytes]) {
        let expected = 0;
        for (const batch of batches) {
          expect(batch.from).toBe(expected);
          expect(batch.records.map((record) => record.offset)).toEqual(
            Array.from({ length: batch.to - batch.from }, (_, i) => batch.from + i),
          );
          expect(batch.endOffset).toBeGreaterThanOrEqual(batch.to);
          expected = batch.to;
        }
        expect(expected).toBe(100);
      }
    });

    it('starts where the caller says', async () => {
      const log = await logs.open();
      await log.append(Array.from({ length: 10 }, (_, i) => newRecord(3, String(i))));
      const seen = await collect(log, { startAt: async (partition) => (partition === 3 ? 6 : 0) });
      await seen.until(() => count(seen.texts) === 4);
      expect(seen.texts[3]).toEqual(['6', '7', '8', '9']);
      expect(seen.batches[0]!.from).toBe(6);
    });

    it('asks for the position again and hands over anew after a rejection', async () => {
      const log = await logs.open();
      await log.append(Array.from({ length: 10 }, (_, i) => newRecord(0, String(i))));
      let failures = 0;
      const seen = await collect(log, {
        maxRecords: 4,
        handle: async (batch) => {
          if (batch.from === 4 && failures < 2) {
            failures++;
            throw new Error('not now');
          }
        },
      });
      await seen.until(() => count(seen.texts) === 10);
      expect(failures).toBe(2);
      expect(seen.texts[0]).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
      expect(seen.errors.map(String)).toEqual(['Error: not now', 'Error: not now']);
    });

    it('prepares a batch while the one before is handled, and hands over what came of it', async () => {
      const log = await logs.open();
      await log.append(Array.from({ length: 9 }, (_, i) => newRecord(0, String(i))));
      const steps: string[] = [];
      let preparedNext = () => {};
      const hasPreparedNext = new Promise<void>((resolve) => (preparedNext = resolve));
      const seen = await collect(log, {
        maxRecords: 3,
        prepare: async ({ from }) => {
          steps.push(`prepare ${from}`);
          if (from === 3) preparedNext();
          return from;
        },
        handle: async ({ from }, _signal, prepared) => {
          expect(prepared).toBe(from);
          steps.push(`handle ${from}`);
          if (from === 0) await hasPreparedNext;
        },
      });
      await seen.until(() => count(seen.texts) === 9);
      expect(seen.errors).toEqual([]);
      expect(steps.filter((step) => step.startsWith('prepare'))).toEqual([
        'prepare 0',
        'prepare 3',
        'prepare 6',
      ]);
    });

    it('forgets what was prepared behind a batch that fails, and prepares it anew', async () => {
      const log = await logs.open();
      await log.append(Array.from({ length: 6 }, (_, i) => newRecord(0, String(i))));
      let made = 0;
      let preparedNext = () => {};
      const hasPreparedNext = new Promise<void>((resolve) => (preparedNext = resolve));
      const handled: string[] = [];
      const seen = await collect(log, {
        maxRecords: 3,
        prepare: async ({ from }) => {
          made++;
          if (from === 3) preparedNext();
          return made;
        },
        handle: async ({ from }, _signal, prepared) => {
          handled.push(`${from} as ${String(prepared)}`);
          if (handled.length > 1) return;
          await hasPreparedNext;
          throw new Error('not now');
        },
      });
      await seen.until(() => count(seen.texts) === 6);
      expect(handled).toEqual(['0 as 1', '0 as 3', '3 as 4']);
      expect(seen.errors.map(String)).toEqual(['Error: not now']);
    });

    it('starts over when a batch cannot be prepared, after what came before it was handled', async () => {
      const log = await logs.open();
      await log.append(Array.from({ length: 6 }, (_, i) => newRecord(0, String(i))));
      let failures = 0;
      const seen = await collect(log, {
        maxRecords: 3,
        prepare: async ({ from }) => {
          if (from === 3 && failures++ === 0) throw new Error('not now');
        },
      });
      await seen.until(() => count(seen.texts) === 6);
      expect(seen.texts[0]).toEqual(['0', '1', '2', '3', '4', '5']);
      expect(seen.errors.map(String)).toEqual(['Error: not now']);
    });

    it('handles partitions side by side and the batches of one partition one after the other', async () => {
      const log = await logs.open();
      await log.append([0, 1].flatMap((p) => Array.from({ length: 9 }, (_, i) => newRecord(p, `${p}:${i}`))));
      let letGo = () => {};
      const held = new Promise<void>((resolve) => (letGo = resolve));
      const running = new Set<number>();
      let overlaps = 0;
      const seen = await collect(log, {
        maxRecords: 3,
        handle: async ({ partition }) => {
          if (running.has(partition)) overlaps++;
          running.add(partition);
          if (partition === 0) await held;
          running.delete(partition);
        },
      });
      await seen.until(() => seen.texts[1]!.length === 9);
      expect(seen.texts[0]).toEqual([]);
      letGo();
      await seen.until(() => seen.texts[0]!.length === 9);
      expect(overlaps).toBe(0);
    });

    it('says that a partition is caught up only after its records were handled', async () => {
      const log = await logs.open();
      const seen = await collect(log);
      await seen.until(() => new Set(seen.idle.map(({ partition }) => partition)).size === PARTITIONS);
      expect(seen.idle.every(({ endOffset }) => endOffset === 0)).toBe(true);
      const appendedAt = Date.now();
      await log.append([newRecord(1, 'late')]);
      await seen.until(() =>
        seen.idle.some(({ partition, endOffset }) => partition === 1 && endOffset === 1),
      );
      expect(seen.texts[1]).toEqual(['late']);
      // No notice may claim that partition 1 was empty when the record was in it already.
      const resolvedAt = Date.now();
      await seen.until(() =>
        seen.idle.some(({ partition, seenAtMs }) => partition === 1 && seenAtMs > resolvedAt),
      );
      const claims = seen.idle.filter((n) => n.partition === 1 && n.seenAtMs > resolvedAt);
      expect(claims.every(({ endOffset }) => endOffset === 1)).toBe(true);
      expect(
        seen.idle.every(({ seenAtMs }) => seenAtMs <= Date.now() && seenAtMs > appendedAt - 60_000),
      ).toBe(true);
    });

    it('waits for a running handler when it stops, and tells it', async () => {
      const log = await logs.open();
      await log.append([newRecord(0, 'slow')]);
      let isDone = false;
      let started = () => {};
      const hasStarted = new Promise<void>((resolve) => (started = resolve));
      const seen = await collect(log, {
        handle: async (_batch, signal) => {
          started();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          await new Promise((resolve) => setImmediate(resolve));
          isDone = true;
        },
      });
      await hasStarted;
      await seen.consumer.stop();
      expect(isDone).toBe(true);
      await log.append([newRecord(0, 'after the stop')]);
      expect(seen.texts[0]).toEqual(['slow']);
    });

    it('assigns every partition to a lone consumer and takes them all back', async () => {
      const log = await logs.open();
      const events: string[] = [];
      const seen = await collect(log, {
        onAssigned: (partitions) => void events.push(`assigned ${partitions.join()}`),
        onRevoked: (partitions) => void events.push(`revoked ${partitions.join()}`),
      });
      await seen.until(() => seen.idle.length > 0);
      await seen.consumer.stop();
      expect(events).toEqual(['assigned 0,1,2,3', 'revoked 0,1,2,3']);
    });

    it('tells of a position that lies beyond the end', async () => {
      const log = await logs.open();
      await log.append([newRecord(0, 'only')]);
      const seen = await collect(log, { startAt: async () => 5 });
      await seen.until(() => seen.errors.length > 0);
      expect(seen.errors[0]).toBeInstanceOf(PositionError);
      expect(count(seen.texts)).toBe(0);
    });

    it('serves groups independently of each other', async () => {
      const log = await logs.open();
      await log.append([newRecord(0, 'shared')]);
      const one = await collect(log, { group: 'one' });
      const two = await collect(log, { group: 'two' });
      await Promise.all([one, two].map((seen) => seen.until(() => count(seen.texts) === 1)));
    });

    it('is the same log when it is opened again', async () => {
      const first = await logs.open();
      await first.append([newRecord(2, 'kept')]);
      await first.close();
      const again = await logs.open(first.url);
      expect(again.id).toBe(first.id);
      expect(again.partitionCount).toBe(PARTITIONS);
      expect(await again.endOffsets()).toEqual([0, 0, 1, 0]);
      const other = await logs.open();
      expect(other.id).not.toBe(first.id);
    });

    it('refuses to be opened with another number of partitions', async () => {
      const log = await logs.open();
      await expect(openEventLog(log.url, { partitions: 3 })).rejects.toThrow(/has 4 partitions.*with 3/);
    });

    it('can be read while another has it open, and is not created or written by a reader', async () => {
      const log = await logs.open();
      await log.append([newRecord(0, 'a')]);
      const reader = await logs.open(log.url, { readOnly: true });
      expect(await reader.endOffsets()).toEqual([1, 0, 0, 0]);
      await expect(reader.append([newRecord(0, 'b')])).rejects.toThrow('read only');
      await expect(openEventLog(await logs.freshUrl(), { readOnly: true })).rejects.toThrow(
        /there is no|has no/,
      );
    });

    it('rejects what is appended after it was closed, and partitions that it does not have', async () => {
      const log = await logs.open();
      await expect(log.append([newRecord(4, 'x')])).rejects.toThrow(RangeError);
      const last = log.append([newRecord(0, 'in time')]);
      await log.close();
      await expect(last).resolves.toEqual([{ partition: 0, offset: 0 }]);
      await expect(log.append([newRecord(0, 'late')])).rejects.toThrow(LogUnavailableError);
      await expect(log.ping()).rejects.toThrow(LogUnavailableError);
    });

    it('has every record whose append was resolved when the process was killed', async () => {
      const log = await logs.open();
      const appender = startProcess('append', log.url);
      const acknowledged: string[] = [];
      for await (const line of appender.lines) {
        acknowledged.push(line);
        if (acknowledged.length === 300) break;
      }
      await appender.kill();
      const seen = await collect(log);
      const stored = new Set<string>();
      await seen.until(() => {
        for (const text of seen.texts.flat()) stored.add(text);
        return acknowledged.every((text) => stored.has(text));
      });
      for (const texts of seen.texts) {
        const numbers = texts.map((text) => Number(text.split(':')[1]));
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      }
    });
  });
}
