import { listOffsetsV7 } from '@platformatic/kafka';
import { startPartitionLoop, type PartitionLoop } from '../consume/partition-loop.js';
import {
  LogUnavailableError,
  PositionError,
  RecordsLostError,
  type ConsumeOptions,
  type EventLog,
  type LogConsumer,
} from '../port.js';
import { createBrokerLinks } from './broker-links.js';
import { createCluster, type Cluster } from './cluster.js';
import { createFetcher } from './fetcher.js';
import { errorNamesOf } from './kafka-errors.js';
import { startGroupMember } from './group-member.js';
import { parseKafkaUrl } from './kafka-url.js';
import { createProducer, type Producer } from './producer.js';
import { ensureTopic, readMaxMessageBytes } from './topic.js';

const DEFAULT_CLIENT_ID = 'sluice';
export const DEFAULT_DELIVERY_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
const LEADER_POLL_MS = 100;
const EARLIEST = -2n;
const LATEST = -1n;

export interface KafkaLogOptions {
  partitions?: number | undefined;
  clientId?: string | undefined;
  readOnly?: boolean | undefined;
  /** How long an append may take before it is rejected, milliseconds. Default 5,000. */
  deliveryTimeoutMs?: number | undefined;
}

/**
 * The log in a topic of Apache Kafka, 3.3 or later.
 *
 * Kafka drops records by the topic's own retention, released or not: `release` has nothing to do here. A consumer that
 * is away for longer than the retention is told so, by a RecordsLostError to its `onError`.
 * Its bound is the disk of the brokers, so an append never fails with LogFullError.
 */
export async function openKafkaLog(url: string, options: KafkaLogOptions = {}): Promise<EventLog> {
  const location = parseKafkaUrl(url);
  const { readOnly = false, clientId = DEFAULT_CLIENT_ID } = options;
  const partitions = options.partitions ?? location.partitions;
  if (
    options.partitions !== undefined &&
    location.partitions !== undefined &&
    options.partitions !== location.partitions
  ) {
    throw new TypeError(
      `the Kafka URL says ${location.partitions} partitions, the options say ${options.partitions}`,
    );
  }
  const openLinks = () => createBrokerLinks(clientId, location);
  const links = openLinks();
  const cluster = createCluster(location.bootstrap, location.topic, links);
  const producerLinks = openLinks();
  const consumers = new Set<LogConsumer>();
  let producer: Producer | undefined;
  let isClosed = false;

  let metadata;
  try {
    metadata = await ensureTopic(cluster, {
      ...location,
      ...(partitions === undefined ? {} : { partitions }),
      mayCreate: !readOnly,
    });
    if (!readOnly) {
      producer = createProducer({
        cluster,
        links: producerLinks,
        partitionCount: metadata.leaders.length,
        maxMessageBytes: await readMaxMessageBytes(cluster),
        deliveryTimeoutMs: options.deliveryTimeoutMs ?? DEFAULT_DELIVERY_TIMEOUT_MS,
      });
    }
  } catch (error) {
    links.reset();
    throw error;
  }
  const partitionCount = metadata.leaders.length;
  const all = Array.from({ length: partitionCount }, (_, p) => p);

  function assertOpen(): void {
    if (isClosed) throw new LogUnavailableError('the event log is closed');
  }

  /** Asks each leader for its partitions. */
  async function listOffsets(which: readonly number[], timestamp: bigint): Promise<Map<number, number>> {
    assertOpen();
    const deadline = performance.now() + REQUEST_TIMEOUT_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        return await listOffsetsNow(cluster, which, timestamp);
      } catch (error) {
        // A leader may be chosen and not lead yet, as right after the topic was created; or lead no more.
        const isMoving = errorNamesOf(error).length > 0 && performance.now() < deadline;
        if (attempt > 0 && !isMoving) throw error;
      }
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, LEADER_POLL_MS));
      await cluster.refresh();
    }
  }

  async function listOffsetsNow(
    { topic }: Cluster,
    which: readonly number[],
    timestamp: bigint,
  ): Promise<Map<number, number>> {
    const { leaders, brokers } = await cluster.metadata();
    const byLeader = new Map<number, number[]>();
    for (const partition of which) {
      const leader = leaders[partition] ?? -1;
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
    }
    const offsets = new Map<number, number>();
    for (const [leader, led] of byLeader) {
      const broker = brokers.get(leader);
      if (broker === undefined) throw new LogUnavailableError(`partition ${led[0]} has no leader`);
      const asked = led.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }));
      const answer = await links.request(
        broker,
        listOffsetsV7.api,
        [-1, 0, [{ name: topic, partitions: asked }]],
        REQUEST_TIMEOUT_MS,
      );
      for (const { partitionIndex, offset } of answer.topics.flatMap((t) => t.partitions)) {
        offsets.set(partitionIndex, Number(offset));
      }
    }
    return offsets;
  }

  async function offsetsOfAll(timestamp: bigint): Promise<number[]> {
    try {
      const offsets = await listOffsets(all, timestamp);
      return all.map((partition) => offsets.get(partition)!);
    } catch (error) {
      throw new LogUnavailableError('Kafka does not tell the offsets of the log', { cause: error });
    }
  }

  return {
    id: `kafka:${metadata.clusterId}:${location.topic}:${metadata.topicId}`,
    partitionCount,

    async append(records) {
      assertOpen();
      if (producer === undefined)
        throw new Error(`the event log in ${location.topic} was opened to read only`);
      return producer.append(records);
    },

    endOffsets: () => offsetsOfAll(LATEST),
    startOffsets: () => offsetsOfAll(EARLIEST),

    async consume(consume) {
      assertOpen();
      const consumer = startConsumer(consume);
      consumers.add(consumer);
      return {
        async stop() {
          consumers.delete(consumer);
          await consumer.stop();
        },
      };
    },

    async release() {
      assertOpen();
    },

    async ping() {
      assertOpen();
      try {
        await cluster.refresh();
      } catch (error) {
        throw new LogUnavailableError('no Kafka broker answers', { cause: error });
      }
    },

    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await producer?.close();
      links.reset();
      producerLinks.reset();
    },
  };

  function startConsumer(consume: ConsumeOptions): LogConsumer {
    const positions = new Map<number, number>();
    const onError = (error: unknown, partition?: number) => consume.onError?.(error, partition);
    const fetcher = createFetcher(cluster, openLinks(), onError);

    async function openFeed(partition: number, position: number) {
      const start = (await listOffsets([partition], EARLIEST)).get(partition)!;
      const end = (await listOffsets([partition], LATEST)).get(partition)!;
      if (position > end) throw new PositionError(partition, position, end);
      if (position < start) onError(new RecordsLostError(partition, position, start), partition);
      return fetcher.open(partition, Math.max(position, start));
    }

    function startWork(partitions: readonly number[]) {
      if (partitions.length > 0) consume.onAssigned?.(partitions);
      const loops: PartitionLoop[] = partitions.map((partition) =>
        startPartitionLoop({
          partition,
          consume,
          openFeed: (position) => openFeed(partition, position),
          onHandled: (p, position) => positions.set(p, position),
        }),
      );
      return {
        async stop() {
          await Promise.all(loops.map((loop) => loop.stop()));
          if (partitions.length > 0) await consume.onRevoked?.(partitions);
        },
      };
    }

    const member = startGroupMember({
      cluster,
      links: openLinks(),
      group: consume.group,
      partitionCount,
      startWork,
      positions: () => positions,
      onError,
    });
    return {
      async stop() {
        await member.stop();
        fetcher.close();
      },
    };
  }
}
