import { protocolErrors, Reader, readRecordsBatches } from '@platformatic/kafka';
import { afterEach, describe, expect, it } from 'vitest';
import { LogUnavailableError, RecordTooLargeError, type NewRecord } from '../port.js';
import { createProducer, type Producer, type ProducerOptions } from './producer.js';
import type { EncodedBatch } from './produce-api.js';

interface SeenBatch {
  partition: number;
  producerId: bigint;
  sequence: number;
  texts: string[];
  bytes: Buffer;
}

/** The name of one of Kafka's errors, or what happens to the connection. */
type Answer = { error: string } | 'hangs' | 'breaks' | 'stores and breaks' | 'answers';

/** A broker with the rules of idempotent producers that answers as told, and stores otherwise. */
function createBroker(partitionCount = 2) {
  const seen: SeenBatch[] = [];
  const stored = Array.from({ length: partitionCount }, () => [] as string[]);
  const sequences = new Map<string, { next: number; last?: { sequence: number; offset: number } }>();
  const answers: Answer[] = [];
  let sessions = 0n;
  let isReachable = true;
  let underWay = 0;
  let mostUnderWay = 0;

  function answerTo({ partition, bytes }: EncodedBatch): {
    index: number;
    errorCode: number;
    baseOffset: bigint;
  } {
    const batch = readRecordsBatches(Reader.from(bytes))[0]!;
    const texts = batch.records.map((record) => record.value!.toString());
    seen.push({ partition, producerId: batch.producerId, sequence: batch.firstSequence, texts, bytes });
    const told = answers.shift() ?? 'answers';
    if (told === 'breaks') throw new Error('connection lost');
    const key = `${batch.producerId}:${partition}`;
    const state = sequences.get(key) ?? { next: batch.firstSequence };
    sequences.set(key, state);
    const failed = (name: string) => ({
      index: partition,
      errorCode: protocolErrors[name]!.code,
      baseOffset: -1n,
    });
    if (typeof told === 'object') return failed(told.error);
    if (state.last?.sequence === batch.firstSequence) {
      return { index: partition, errorCode: 0, baseOffset: BigInt(state.last.offset) };
    }
    if (batch.firstSequence !== state.next) return failed('OUT_OF_ORDER_SEQUENCE_NUMBER');
    const offset = stored[partition]!.length;
    stored[partition]!.push(...texts);
    state.last = { sequence: batch.firstSequence, offset };
    state.next += texts.length;
    if (told === 'stores and breaks') throw new Error('connection lost');
    return { index: partition, errorCode: 0, baseOffset: BigInt(offset) };
  }

  const options = {
    cluster: {
      topic: 't',
      refresh: async () => {
        if (!isReachable) throw new Error('connect ECONNREFUSED');
        return {
          clusterId: 'c',
          topicId: 'i',
          brokers: new Map([[1, { host: 'h', port: 1 }]]),
          leaders: new Array<number>(partitionCount).fill(1),
        };
      },
      requestAny: async () => ({ producerId: ++sessions, producerEpoch: 0 }) as never,
    },
    links: {
      request: async (_broker: unknown, _api: unknown, args: unknown[], timeoutMs: number) => {
        underWay++;
        mostUnderWay = Math.max(mostUnderWay, underWay);
        try {
          await new Promise((resolve) => setImmediate(resolve));
          if (!isReachable) throw new Error('connection lost');
          const batches = args[2] as EncodedBatch[];
          const isHanging = answers[0] === 'hangs';
          const responses = batches.map((batch) => ({ ...answerTo(batch), errorMessage: null }));
          if (isHanging) {
            await new Promise((resolve) => setTimeout(resolve, timeoutMs));
            throw new Error('no answer in time');
          }
          return { responses: [{ name: 't', partitionResponses: responses }], throttleTimeMs: 0 } as never;
        } finally {
          underWay--;
        }
      },
    },
  } satisfies Pick<ProducerOptions, 'cluster' | 'links'>;
  return {
    ...options,
    seen,
    stored,
    answers,
    most: () => mostUnderWay,
    setReachable: (value: boolean) => (isReachable = value),
  };
}

const record = (partition: number, text: string): NewRecord => ({
  partition,
  key: 'k',
  headers: {},
  value: Buffer.from(text),
});

describe('createProducer', () => {
  let producer: Producer | undefined;
  afterEach(() => producer?.close());

  function produceTo(
    broker: ReturnType<typeof createBroker>,
    options: Partial<ProducerOptions> = {},
  ): Producer {
    producer = createProducer({
      ...broker,
      partitionCount: 2,
      maxMessageBytes: 1_000_000,
      deliveryTimeoutMs: 1_000,
      ...options,
    });
    return producer;
  }

  it('gathers appends into one batch a partition, with one request under way', async () => {
    const broker = createBroker();
    const log = produceTo(broker);
    const positions = await Promise.all(
      Array.from({ length: 100 }, (_, i) => log.append([record(i % 2, String(i))])),
    );
    expect(broker.seen).toHaveLength(2);
    expect(broker.most()).toBe(1);
    expect(positions[99]).toEqual([{ partition: 1, offset: 49 }]);
    await log.append([record(0, 'next')]);
    expect(broker.seen[2]).toMatchObject({ partition: 0, sequence: 50 });
  });

  it('sends the same bytes again when a connection breaks, and stores them once', async () => {
    const broker = createBroker();
    const log = produceTo(broker);
    await log.append([record(0, 'a')]);
    broker.answers.push('stores and breaks', { error: 'NOT_LEADER_OR_FOLLOWER' }, 'breaks');
    expect(await log.append([record(0, 'b')])).toEqual([{ partition: 0, offset: 1 }]);
    await log.append([record(0, 'c')]);
    expect(broker.stored[0]).toEqual(['a', 'b', 'c']);
    const [, ...tries] = broker.seen.filter(({ texts }) => texts[0] !== 'c');
    expect(tries).toHaveLength(4);
    expect(new Set(tries.map(({ bytes }) => bytes.toString('hex'))).size).toBe(1);
  });

  it.each(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'] as const)(
    'goes on in a new session after %s',
    async (name) => {
      const broker = createBroker();
      const log = produceTo(broker);
      await log.append([record(0, 'a')]);
      broker.answers.push({ error: name });
      await log.append([record(0, 'b')]);
      await log.append([record(0, 'c')]);
      expect(broker.stored[0]).toEqual(['a', 'b', 'c']);
      expect(broker.seen.map(({ producerId, sequence }) => [producerId, sequence])).toEqual([
        [1n, 0],
        [1n, 1],
        [2n, 0],
        [2n, 1],
      ]);
    },
  );

  it('rejects what is not acknowledged in time, and never uses its sequence numbers again', async () => {
    const broker = createBroker();
    const log = produceTo(broker, { deliveryTimeoutMs: 60 });
    await log.append([record(0, 'a')]);
    broker.answers.push('hangs');
    await expect(log.append([record(0, 'b')])).rejects.toThrow(LogUnavailableError);
    await log.append([record(0, 'c')]);
    expect(broker.stored[0]).toEqual(['a', 'b', 'c']);
    expect(broker.seen.map(({ producerId, sequence }) => [producerId, sequence])).toEqual([
      [1n, 0],
      [1n, 1],
      [2n, 0],
    ]);
  });

  it('halves a batch that the broker finds too large, and rejects only the record that is', async () => {
    const broker = createBroker();
    const log = produceTo(broker);
    broker.answers.push({ error: 'MESSAGE_TOO_LARGE' }, 'answers', { error: 'MESSAGE_TOO_LARGE' });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((text) => log.append([record(0, text)])));
    expect(broker.stored[0]).toEqual(['a', 'b']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect((results[2] as PromiseRejectedResult).reason).toBeInstanceOf(RecordTooLargeError);
  });

  it('rejects at once what Kafka refuses for good', async () => {
    const broker = createBroker();
    const log = produceTo(broker);
    broker.answers.push({ error: 'TOPIC_AUTHORIZATION_FAILED' });
    await expect(log.append([record(0, 'a')])).rejects.toMatchObject({
      name: 'LogUnavailableError',
      cause: new Error('Kafka answered TOPIC_AUTHORIZATION_FAILED'),
    });
    await log.append([record(0, 'b')]);
    expect(broker.stored[0]).toEqual(['b']);
  });

  it('refuses appends at once while no broker can be reached, and takes them again afterwards', async () => {
    const broker = createBroker();
    const log = produceTo(broker, { deliveryTimeoutMs: 1_500 });
    broker.setReachable(false);
    await expect(log.append([record(0, 'waits')])).rejects.toThrow('no Kafka broker can be reached');
    const startedAt = performance.now();
    await expect(log.append([record(0, 'refused')])).rejects.toThrow('no Kafka broker can be reached');
    expect(performance.now() - startedAt).toBeLessThan(20);
    broker.setReachable(true);
    const deadline = performance.now() + 5_000;
    for (;;) {
      try {
        await log.append([record(0, 'taken')]);
        break;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(broker.stored[0]).toEqual(['taken']);
  });

  it('waits for what was appended when it is closed', async () => {
    const broker = createBroker();
    const closing = produceTo(broker);
    broker.answers.push({ error: 'LEADER_NOT_AVAILABLE' });
    const appended = closing.append([record(1, 'last')]);
    await closing.close();
    await expect(appended).resolves.toEqual([{ partition: 1, offset: 0 }]);
    await expect(closing.append([record(1, 'late')])).rejects.toThrow(LogUnavailableError);
  });
});
