/** The log's topic: made when it is missing, checked when it is there. */
import { createTopicsV7, describeConfigsV4 } from '@platformatic/kafka';
import type { Cluster, TopicMetadata } from './cluster.js';
import { errorNamesOf } from './kafka-errors.js';
import type { KafkaLocation } from './kafka-url.js';

export const DEFAULT_KAFKA_PARTITIONS = 12;
const DEFAULT_RETENTION_MS = 7 * 24 * 60 * 60 * 1_000;
/** Bodies of 4 MB and more, with headers, in one record. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Kafka's own default, assumed when the topic's settings may not be read. */
const ASSUMED_MAX_MESSAGE_BYTES = 1_048_588;
const REQUEST_TIMEOUT_MS = 10_000;
const CREATED_DEADLINE_MS = 15_000;
const POLL_MS = 50;
const TOPIC_RESOURCE = 2;

export interface EnsureTopicOptions extends Pick<
  KafkaLocation,
  'partitions' | 'replication' | 'retentionMs'
> {
  /** False: the topic must be there. */
  mayCreate: boolean;
}

/**
 * Resolves once the topic is there and each of its partitions has a leader.
 * @throws Error when it has another number of partitions than asked for.
 */
export async function ensureTopic(cluster: Cluster, options: EnsureTopicOptions): Promise<TopicMetadata> {
  const { partitions, mayCreate } = options;
  const { metadata, brokerCount } = await cluster.lookForTopic();
  if (metadata === undefined) {
    if (!mayCreate) throw new Error(`the Kafka cluster has no topic named ${cluster.topic}`);
    await createTopic(cluster, brokerCount, options);
  }
  const found = await waitForLeaders(cluster);
  if (partitions !== undefined && partitions !== found.leaders.length) {
    throw new Error(
      `the topic ${cluster.topic} has ${found.leaders.length} partitions; it cannot be opened with ${partitions}`,
    );
  }
  return found;
}

async function createTopic(
  cluster: Cluster,
  brokerCount: number,
  { partitions = DEFAULT_KAFKA_PARTITIONS, replication, retentionMs }: EnsureTopicOptions,
): Promise<void> {
  const replicas = replication ?? Math.min(3, brokerCount);
  const settings: Record<string, string> = {
    'cleanup.policy': 'delete',
    'retention.ms': String(retentionMs ?? DEFAULT_RETENTION_MS),
    'retention.bytes': '-1',
    // An acknowledged record survives the loss of any one replica, when there are three.
    'min.insync.replicas': String(Math.max(1, replicas - 1)),
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': String(MAX_MESSAGE_BYTES),
    // As the gateway sends it.
    'compression.type': 'producer',
    // When the log took the record, by one clock, whatever the gateways' clocks say.
    'message.timestamp.type': 'LogAppendTime',
  };
  try {
    await cluster.requestAny(
      createTopicsV7.api,
      [
        [
          {
            name: cluster.topic,
            numPartitions: partitions,
            replicationFactor: replicas,
            assignments: [],
            configs: Object.entries(settings).map(([name, value]) => ({ name, value })),
          },
        ],
        REQUEST_TIMEOUT_MS,
        false,
      ],
      REQUEST_TIMEOUT_MS + 1_000,
    );
  } catch (error) {
    // Another process was faster.
    if (!errorNamesOf(error).includes('TOPIC_ALREADY_EXISTS')) throw error;
  }
}

async function waitForLeaders(cluster: Cluster): Promise<TopicMetadata> {
  const deadline = performance.now() + CREATED_DEADLINE_MS;
  for (;;) {
    const { metadata } = await cluster.lookForTopic();
    if (metadata?.leaders.every((leader) => leader >= 0) === true) return metadata;
    if (performance.now() > deadline) {
      throw new Error(`the topic ${cluster.topic} has partitions without a leader`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The topic's `max.message.bytes`. */
export async function readMaxMessageBytes(cluster: Cluster): Promise<number> {
  try {
    const answer = await cluster.requestAny(
      describeConfigsV4.api,
      [
        [
          {
            resourceType: TOPIC_RESOURCE,
            resourceName: cluster.topic,
            configurationKeys: ['max.message.bytes'],
          },
        ],
        false,
        false,
      ],
      REQUEST_TIMEOUT_MS,
    );
    return Number(answer.results[0]?.configs[0]?.value ?? ASSUMED_MAX_MESSAGE_BYTES);
  } catch (error) {
    if (errorNamesOf(error).some((name) => name.endsWith('_AUTHORIZATION_FAILED'))) {
      return ASSUMED_MAX_MESSAGE_BYTES;
    }
    throw error;
  }
}
