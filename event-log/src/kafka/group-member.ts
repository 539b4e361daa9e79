/**
 * A member of a Kafka consumer group that gives no partition away while it is being handled.
 *
 *     joining ──▶ assigned (work runs, heartbeats) ──rebalance──▶ finishing (work stops, heartbeats go on) ──▶ joining
 *
 * Brokers wait for `REBALANCE_TIMEOUT_MS` for all members to join again; a member that needs longer is put out of the
 * group, and from then on what it does must be fenced by the caller's store.
 */
import {
  findCoordinatorV4,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV8,
  Reader,
  syncGroupV5,
  Writer,
  type API,
} from '@platformatic/kafka';
import { isAborted, pause } from '../consume/pause.js';
import type { BrokerAddress, BrokerLinks } from './broker-links.js';
import type { Cluster } from './cluster.js';
import { errorNamesOf, responseOf } from './kafka-errors.js';

const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 60_000;
const HEARTBEAT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 5_000;
const COMMIT_MS = 5_000;
const QUIET_START_MS = 10_000;
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 3_000;
const GROUP_COORDINATOR = 0;
const PROTOCOL_TYPE = 'consumer';
const PROTOCOL = 'range';

export interface GroupMemberOptions {
  cluster: Cluster;
  links: BrokerLinks;
  group: string;
  partitionCount: number;
  /** Starts the work on these partitions. `stop` resolves when all of it has ended. */
  startWork: (partitions: readonly number[]) => { stop(): Promise<void> };
  /** The caller's positions, committed for tools that show the lag. Nothing reads them here. */
  positions: () => ReadonlyMap<number, number>;
  onError: (error: unknown) => void;
}

export interface GroupMember {
  stop(): Promise<void>;
}

interface Membership {
  memberId: string;
  generation: number;
  partitions: number[];
}

export function startGroupMember(options: GroupMemberOptions): GroupMember {
  const { cluster, links, group, partitionCount, startWork, positions, onError } = options;
  const stopping = new AbortController();
  let coordinator: BrokerAddress | undefined;
  let memberId = '';
  let isJoining = false;
  let backoffMs = FIRST_BACKOFF_MS;
  let joiningSinceMs = performance.now();

  async function ask<A extends unknown[], R>(
    api: API<A, R>,
    args: A,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<R> {
    try {
      coordinator ??= await findCoordinator();
      return await links.request(coordinator, api, args, timeoutMs);
    } catch (error) {
      const names = errorNamesOf(error);
      if (names.length === 0 || names.some((name) => COORDINATOR_MOVED.has(name))) coordinator = undefined;
      if (names.includes('UNKNOWN_MEMBER_ID') || names.includes('FENCED_INSTANCE_ID')) memberId = '';
      throw error;
    }
  }

  async function findCoordinator(): Promise<BrokerAddress> {
    const answer = await cluster.requestAny(
      findCoordinatorV4.api,
      [GROUP_COORDINATOR, [group]],
      REQUEST_TIMEOUT_MS,
    );
    const found = answer.coordinators.find(({ key }) => key === group);
    if (found === undefined || found.errorCode !== 0) {
      throw new Error(
        `the group has no coordinator${found === undefined ? '' : `: ${found.errorMessage ?? ''}`}`,
      );
    }
    return { host: found.host, port: found.port };
  }

  async function runUntilStopped(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const membership = await join();
        backoffMs = FIRST_BACKOFF_MS;
        await live(membership);
        joiningSinceMs = performance.now();
      } catch (error) {
        if (isAborted(stopping.signal)) break;
        const names = errorNamesOf(error);
        // What happens when others join and leave at the same time is no failure.
        if (names.some((name) => JOIN_AGAIN.has(name))) continue;
        // Nor is a coordinator that is still starting, as the first one of a cluster does.
        const isStarting = names.some((name) => COORDINATOR_MOVED.has(name));
        if (!isStarting || performance.now() - joiningSinceMs > QUIET_START_MS) onError(error);
        await pause(backoffMs, stopping.signal);
        backoffMs = Math.min(backoffMs * 2, LAST_BACKOFF_MS);
      }
    }
    await leave();
  }

  async function join(): Promise<Membership> {
    isJoining = true;
    try {
      return await joinAndSync();
    } finally {
      isJoining = false;
    }
  }

  async function joinAndSync(): Promise<Membership> {
    const answer = await askToJoin();
    memberId = answer.memberId ?? '';
    const generation = answer.generationId;
    const isLeader = answer.leader === memberId;
    const assignments = isLeader
      ? assign(
          answer.members.map((member) => member.memberId),
          cluster.topic,
          partitionCount,
        )
      : [];
    const { assignment } = await ask(
      syncGroupV5.api,
      [group, generation, memberId, null, PROTOCOL_TYPE, PROTOCOL, assignments],
      REBALANCE_TIMEOUT_MS + REQUEST_TIMEOUT_MS,
    );
    return { memberId, generation, partitions: readAssignment(assignment, cluster.topic) };
  }

  async function askToJoin(): Promise<joinGroupV9.JoinGroupResponse> {
    const request = (id: string) =>
      ask(
        joinGroupV9.api,
        [
          group,
          SESSION_TIMEOUT_MS,
          REBALANCE_TIMEOUT_MS,
          id,
          null,
          PROTOCOL_TYPE,
          [{ name: PROTOCOL, metadata: writeSubscription(cluster.topic) }],
          null,
        ],
        REBALANCE_TIMEOUT_MS + REQUEST_TIMEOUT_MS,
      );
    try {
      return await request(memberId);
    } catch (error) {
      if (!errorNamesOf(error).includes('MEMBER_ID_REQUIRED')) throw error;
      // A new member is given its id first, so that joining can be given up.
      memberId = (responseOf(error) as joinGroupV9.JoinGroupResponse).memberId ?? '';
      return request(memberId);
    }
  }

  async function live(membership: Membership): Promise<void> {
    if (stopping.signal.aborted) return;
    const work = startWork(membership.partitions);
    const ended = new AbortController();
    const committing = commitRegularly(membership, ended.signal);
    try {
      await heartbeatWhile(membership, stopping.signal, true);
    } finally {
      const finished = new AbortController();
      const keeping = heartbeatWhile(membership, finished.signal, false);
      await work.stop();
      finished.abort();
      await keeping;
      ended.abort();
      await committing;
      await commit(membership);
    }
  }

  /** Resolves when the group rebalances, the membership is lost, or `signal` aborts. Never rejects. */
  async function heartbeatWhile(
    { memberId: id, generation }: Membership,
    signal: AbortSignal,
    endsOnRebalance: boolean,
  ): Promise<void> {
    let aliveAtMs = performance.now();
    while (!signal.aborted) {
      await pause(HEARTBEAT_MS, signal);
      if (isAborted(signal)) return;
      try {
        await ask(heartbeatV4.api, [group, generation, id, null]);
        aliveAtMs = performance.now();
      } catch (error) {
        const names = errorNamesOf(error);
        if (names.includes('REBALANCE_IN_PROGRESS')) {
          if (endsOnRebalance) return;
          aliveAtMs = performance.now();
        } else if (names.some((name) => MEMBERSHIP_LOST.has(name))) {
          return;
        } else {
          onError(error);
          if (performance.now() - aliveAtMs > SESSION_TIMEOUT_MS) return;
        }
      }
    }
  }

  async function commitRegularly(membership: Membership, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(COMMIT_MS, signal);
      if (!isAborted(signal)) await commit(membership);
    }
  }

  async function commit({ memberId: id, generation, partitions }: Membership): Promise<void> {
    const known = positions();
    const offsets = partitions.flatMap((partition) => {
      const position = known.get(partition);
      return position === undefined
        ? []
        : [
            {
              partitionIndex: partition,
              committedOffset: BigInt(position),
              committedLeaderEpoch: -1,
              committedMetadata: '',
            },
          ];
    });
    if (offsets.length === 0 || memberId === '') return;
    try {
      await ask(offsetCommitV8.api, [
        group,
        generation,
        id,
        null,
        [{ name: cluster.topic, partitions: offsets }],
      ]);
    } catch (error) {
      // A rebalance makes it stale, which the next member's commit mends.
      if (!errorNamesOf(error).some((name) => JOIN_AGAIN.has(name))) onError(error);
    }
  }

  async function leave(): Promise<void> {
    if (memberId === '') return;
    try {
      await ask(leaveGroupV5.api, [group, [{ memberId, groupInstanceId: null, reason: 'stopped' }]], 2_000);
    } catch (error) {
      // The group finds out by itself when the session times out.
      if (!errorNamesOf(error).includes('UNKNOWN_MEMBER_ID')) onError(error);
    }
  }

  const running = runUntilStopped();
  running.catch(onError);
  return {
    async stop() {
      stopping.abort();
      // Joining may take as long as the slowest other member; its connection is given up instead.
      if (isJoining) links.reset();
      await Promise.allSettled([running]);
      links.reset();
    },
  };
}

const COORDINATOR_MOVED = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
]);
const MEMBERSHIP_LOST = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);
const JOIN_AGAIN = new Set([...MEMBERSHIP_LOST, 'REBALANCE_IN_PROGRESS', 'MEMBER_ID_REQUIRED']);

/** Neighbouring partitions to each member, in the order of the members' ids. */
export function shareOut(memberIds: readonly string[], partitionCount: number): Map<string, number[]> {
  const sorted = [...memberIds].sort();
  const from = (index: number) => Math.floor((index * partitionCount) / sorted.length);
  return new Map(
    sorted.map((id, index) => [
      id,
      Array.from({ length: from(index + 1) - from(index) }, (_, i) => from(index) + i),
    ]),
  );
}

function assign(memberIds: readonly string[], topic: string, partitionCount: number) {
  return [...shareOut(memberIds, partitionCount)].map(([memberId, partitions]) => ({
    memberId,
    assignment: writeAssignment(topic, partitions),
  }));
}

/** The forms that Kafka's own consumers use, so that its tools show who has which partition. */
function writeSubscription(topic: string): Buffer {
  return Writer.create()
    .appendInt16(0)
    .appendArray([topic], (w, name) => w.appendString(name, false), false, false)
    .appendInt32(-1).buffer;
}

function writeAssignment(topic: string, partitions: readonly number[]): Buffer {
  return Writer.create()
    .appendInt16(0)
    .appendArray(
      [topic],
      (w, name) => {
        w.appendString(name, false).appendArray([...partitions], (w, p) => w.appendInt32(p), false, false);
      },
      false,
      false,
    )
    .appendInt32(-1).buffer;
}

function readAssignment(bytes: Buffer, topic: string): number[] {
  if (bytes.length === 0) return [];
  const reader = Reader.from(bytes);
  reader.readInt16();
  const topics = reader.readArray(
    (r) => ({ name: r.readString(false), partitions: r.readArray((r) => r.readInt32(), false, false) }),
    false,
    false,
  );
  return topics.find(({ name }) => name === topic)?.partitions ?? [];
}
