import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LogUnavailableError, openEventLog, RecordTooLargeError, type RecordBatch } from '../src/index.js';
import {
  KafkaMissingError,
  provisionKafka,
  startKafkaBroker,
  type KafkaBroker,
} from '../src/testing/index.js';
import {
  collect,
  count,
  createTestLogs,
  describeEventLog,
  newRecord,
  startProcess,
  textOf,
} from './contract.js';

/** What this machine lacks to run a broker. In CI nothing may be lacking. */
const missing = await provisionKafka().then(
  () => undefined,
  (error: unknown) => {
    if (!(error instanceof KafkaMissingError) || process.env['CI'] !== undefined) throw error;
    process.stderr.write(`\nThe tests of the Kafka log did NOT run: ${error.message}\n\n`);
    return error;
  },
);

// A broker of this file's own: it is killed on the way.
let broker: KafkaBroker;
let made = 0;

const under = { freshUrl: async () => `kafka://${broker.brokers}?topic=log-${process.pid}-${made++}` };

describe.skipIf(missing !== undefined)('on a real broker', () => {
  beforeAll(async () => {
    broker = await startKafkaBroker();
  });
  afterAll(() => broker.stop());

  describeEventLog('kafka', under);

  describe('kafka: a broker that is killed', () => {
    const logs = createTestLogs(under);
    afterEach(() => logs.closeAll());

    it('loses no resolved record and keeps the order when the broker is killed in the middle of appending', async () => {
      const log = await logs.open();
      const resolved: string[][] = [[], [], [], []];
      let next = 0;
      let isAppending = true;
      const appending = [0, 1, 2, 3].map(async (partition) => {
        while (isAppending) {
          const text = String(next++);
          try {
            await log.append([newRecord(partition, text)]);
            resolved[partition]!.push(text);
          } catch (error) {
            expect(error).toBeInstanceOf(LogUnavailableError);
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
      });
      const seen = await collect(log);
      for (let kill = 0; kill < 3; kill++) {
        const enough = count(resolved) + 500;
        await seen.until(() => count(resolved) >= enough && count(seen.texts) > 0);
        await broker.kill();
        await broker.restart();
      }
      const enough = count(resolved) + 100;
      await seen.until(() => count(resolved) >= enough);
      isAppending = false;
      await Promise.all(appending);

      const ends = await log.endOffsets();
      await seen.until(() => count(seen.texts) >= ends.reduce((sum, end) => sum + end, 0));
      seen.texts.forEach((texts, partition) => {
        const stored = new Set(texts);
        expect(resolved[partition]!.filter((text) => !stored.has(text))).toEqual([]);
        expect(texts).toEqual([...texts].sort((a, b) => Number(a) - Number(b)));
        // A record whose append was retried by the log itself is stored once.
        expect(stored.size).toBe(texts.length);
      });
    });

    it('refuses appends at once while no broker can be reached, and takes them again by itself', async () => {
      const log = await logs.open(undefined, { deliveryTimeoutMs: 2_000 });
      await log.append([newRecord(0, 'before')]);
      await broker.kill();
      const startedAt = performance.now();
      await expect(log.append([newRecord(0, 'meanwhile')])).rejects.toThrow(LogUnavailableError);
      expect(performance.now() - startedAt).toBeLessThan(4_000);
      const refusedAt = performance.now();
      await expect(log.append([newRecord(0, 'refused')])).rejects.toThrow('no Kafka broker can be reached');
      expect(performance.now() - refusedAt).toBeLessThan(50);
      await expect(log.ping()).rejects.toThrow(LogUnavailableError);
      await broker.restart();
      const deadline = Date.now() + 20_000;
      for (;;) {
        try {
          await log.append([newRecord(0, 'after')]);
          break;
        } catch (error) {
          if (Date.now() > deadline) throw error;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      await log.ping();
      const seen = await collect(log);
      await seen.until(() => seen.texts[0]!.includes('after'));
      expect(seen.texts[0]!.filter((text) => text !== 'meanwhile')).toEqual(['before', 'after']);
    });
  });

  describe('kafka: consumers that share a group', () => {
    const logs = createTestLogs(under);
    afterEach(() => logs.closeAll());

    it('hand partitions over only when their handlers have ended, and read every record', async () => {
      const log = await logs.open();
      const other = await logs.open(log.url);
      // The one position by partition that a store would keep; a handler that comes too late is told so.
      const positions = new Map<number, number>();
      const running = new Set<number>();
      const texts: string[] = [];
      let overlaps = 0;
      const shared = {
        maxRecords: 4,
        startAt: async (partition: number) => positions.get(partition) ?? 0,
        handle: async ({ partition, from, to, records }: RecordBatch) => {
          if (running.has(partition)) overlaps++;
          running.add(partition);
          await new Promise((resolve) => setTimeout(resolve, 20));
          expect(from).toBe(positions.get(partition) ?? 0);
          positions.set(partition, to);
          texts.push(...records.map(textOf));
          running.delete(partition);
        },
      };
      await log.append(Array.from({ length: 4_000 }, (_, i) => newRecord(i % 4, String(i))));
      const assigned: string[] = [];
      const first = await collect(log, {
        ...shared,
        onAssigned: (p) => void assigned.push(`first ${p.join()}`),
      });
      await first.until(() => texts.length >= 200);
      const second = await collect(other, {
        ...shared,
        onAssigned: (p) => void assigned.push(`second ${p.join()}`),
      });
      await second.until(() => second.batches.length >= 5);
      expect(assigned.some((line) => /^first \d,\d$/.test(line))).toBe(true);
      expect(assigned.some((line) => /^second \d,\d$/.test(line))).toBe(true);
      await first.consumer.stop();
      await second.until(() => texts.length >= 4_000);
      expect(overlaps).toBe(0);
      expect(texts).toHaveLength(4_000);
      expect(new Set(texts).size).toBe(4_000);
    });

    it('take over from a process that was killed once its session has ended', async () => {
      const log = await logs.open();
      const killed = startProcess('consume', log.url, 'test');
      expect(await once(killed.lines, 'line')).toEqual(['assigned 0,1,2,3']);
      await killed.kill();
      await log.append([newRecord(0, 'for the next one')]);
      const seen = await collect(log);
      await seen.until(() => count(seen.texts) === 1);
    });
  });

  describe('kafka: the topic', () => {
    const logs = createTestLogs(under);
    afterEach(() => logs.closeAll());

    it('refuses records that the topic could never take', async () => {
      const log = await logs.open();
      const large = newRecord(0, 'large', { value: Buffer.alloc(17 * 1024 * 1024) });
      await expect(log.append([large])).rejects.toThrow(RecordTooLargeError);
      await log.append([newRecord(0, 'next')]);
    });

    it('fails to open with an error that tells why', async () => {
      await expect(openEventLog('kafka://127.0.0.1:1?topic=x')).rejects.toThrow(/127\.0\.0\.1:1|no broker/);
    });
  });

  describe('kafka: TLS and SASL', () => {
    it('reaches a broker that wants SCRAM', async () => {
      const closed = await startKafkaBroker({
        properties: {
          listeners: 'SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controllerPort}',
          'advertised.listeners': 'SASL_PLAINTEXT://127.0.0.1:{port}',
          'inter.broker.listener.name': 'SASL_PLAINTEXT',
          'sasl.enabled.mechanisms': 'SCRAM-SHA-256',
          'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-256',
          'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config':
            'org.apache.kafka.common.security.scram.ScramLoginModule required username="sluice" password="p:s@ss";',
        },
        formatArguments: ['--add-scram', 'SCRAM-SHA-256=[name=sluice,password=p:s@ss]'],
      });
      try {
        const url = `kafka://sluice:p%3As%40ss@${closed.brokers}?topic=secret&sasl=scram-sha-256`;
        const log = await openEventLog(url, { partitions: 1 });
        await log.append([newRecord(0, 'secret')]);
        expect(await log.endOffsets()).toEqual([1]);
        await log.close();
        await expect(openEventLog(url.replace('p%3A', 'wrong'))).rejects.toThrow();
      } finally {
        await closed.stop();
      }
    });
  });
});
