/** What is known of the cluster: its brokers, and who leads each partition of the log's topic. */
import { metadataV12, type API } from '@platformatic/kafka';
import type { BrokerAddress, BrokerLinks } from './broker-links.js';
import { errorNamesOf } from './kafka-errors.js';

const METADATA_TIMEOUT_MS = 3_000;

export interface TopicMetadata {
  clusterId: string;
  topicId: string;
  brokers: ReadonlyMap<number, BrokerAddress>;
  /** Node id of each partition's leader; -1 while there is none. */
  leaders: readonly number[];
}

export interface Cluster {
  readonly topic: string;
  /** As last seen, or asked for when nothing has been seen. */
  metadata(): Promise<TopicMetadata>;
  /** Asks a broker; callers at the same time share the answer. */
  refresh(): Promise<TopicMetadata>;
  /** As `refresh`, but resolves with undefined when there is no such topic. */
  lookForTopic(): Promise<{ brokerCount: number; metadata: TopicMetadata | undefined }>;
  /** Sends a request that any broker can answer. */
  requestAny<A extends unknown[], R>(api: API<A, R>, args: A, timeoutMs: number): Promise<R>;
}

export function createCluster(
  bootstrap: readonly BrokerAddress[],
  topic: string,
  links: BrokerLinks,
): Cluster {
  let known: TopicMetadata | undefined;
  let refreshing: Promise<TopicMetadata> | undefined;

  async function requestAny<A extends unknown[], R>(api: API<A, R>, args: A, timeoutMs: number): Promise<R> {
    const brokers = new Map<string, BrokerAddress>();
    for (const broker of [...(known?.brokers.values() ?? []), ...bootstrap]) {
      brokers.set(`${broker.host}:${broker.port}`, broker);
    }
    const errors: unknown[] = [];
    for (const broker of brokers.values()) {
      try {
        return await links.request(broker, api, args, timeoutMs);
      } catch (error) {
        // An answer is an answer: another broker would give the same.
        if (errorNamesOf(error).length > 0) throw error;
        errors.push(error);
      }
    }
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, 'no broker of the cluster answers');
  }

  async function lookForTopic() {
    let answer;
    try {
      answer = await requestAny(metadataV12.api, [[topic], false, false], METADATA_TIMEOUT_MS);
    } catch (error) {
      if (!errorNamesOf(error).includes('UNKNOWN_TOPIC_OR_PARTITION')) throw error;
      const brokers = await requestAny(metadataV12.api, [[], false, false], METADATA_TIMEOUT_MS);
      return { brokerCount: brokers.brokers.length, metadata: undefined };
    }
    const found = answer.topics.find((candidate) => candidate.name === topic);
    if (found === undefined) return { brokerCount: answer.brokers.length, metadata: undefined };
    const leaders = new Array<number>(found.partitions.length).fill(-1);
    for (const partition of found.partitions) leaders[partition.partitionIndex] = partition.leaderId;
    known = {
      clusterId: answer.clusterId ?? '',
      topicId: found.topicId,
      brokers: new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])),
      leaders,
    };
    return { brokerCount: answer.brokers.length, metadata: known };
  }

  async function refreshNow(): Promise<TopicMetadata> {
    const { metadata } = await lookForTopic();
    if (metadata === undefined) throw new Error(`the Kafka cluster has no topic named ${topic}`);
    return metadata;
  }

  return {
    topic,
    async metadata() {
      return known ?? (await this.refresh());
    },
    refresh() {
      refreshing ??= refreshNow().finally(() => (refreshing = undefined));
      return refreshing;
    },
    lookForTopic,
    requestAny,
  };
}
