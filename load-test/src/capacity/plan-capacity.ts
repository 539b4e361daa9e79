/**
 * What a rate of events takes, from what one event costs. Costs are measured by `npm run bench`;
 * docs/SCALING.md says how and which of these figures are none of ours.
 */
export const MEASURED = {
  /** CPU of an event at the gateway, 50 in a request, durably logged, microseconds; the dearest run (`bench -- gateway`). */
  gatewayCpuMicros: 11,
  /** CPU of an event in the pipeline's own code: decoding, enriching, encoding, microseconds (`bench -- landing`). */
  pipelineCpuMicros: 21,
  /** CPU of an event in Postgres, microseconds (`bench -- landing`). */
  postgresCpuMicros: 14,
  /** CPU of an event in ClickHouse, merges included, microseconds (`bench -- landing`). */
  clickhouseCpuMicros: 11,
  /** Events a second that one partition of two landed in a sustained run on two shared cores (`bench -- end-to-end`). */
  eventsPerPartition: 11_645,
  /** Bytes on the wire and in the log, uncompressed (`bench -- storage`). */
  messageBytes: 900,
  /** Bytes of a row in Postgres, indexes included (`bench -- storage`). */
  postgresBytes: 1_420,
  /** Bytes of write-ahead log for it (`bench -- storage`). */
  postgresWalBytes: 1_480,
  /** Bytes of a row in ClickHouse, projection included, merged (`bench -- storage`). */
  clickhouseBytes: 131,
} as const;

/** What nobody has measured here: rules of thumb that a reader may change. */
export const ASSUMED = {
  /** Share of a core that is planned to be used: the rest is for peaks, catching up and what else the machine does. */
  utilisation: 0.5,
  /** Copies of the log, and of each store. */
  logReplicas: 3,
  storeReplicas: 2,
  /** How long the log keeps events, so that a pipeline that was down finds them all, hours. */
  logRetentionHours: 72,
  /** Days of raw events in Postgres; ClickHouse keeps them for good. */
  rawDays: 30,
  clickhouseDays: 365,
  /** Write-ahead log that one Postgres is trusted to sustain, bytes a second. */
  walBytesPerSecondPerNode: 100_000_000,
  /** CPU of queries beside the inserts, as a share of what inserts take. */
  queryShare: 1,
} as const;

export interface CapacityPlan {
  eventsPerSecond: number;
  /** Cores, at the utilisation that is planned for. */
  cores: { gateway: number; pipeline: number; postgres: number; clickhouse: number };
  partitions: number;
  /** Postgres servers by which the write-ahead log must be divided: more than one means Citus. */
  postgresNodes: number;
  /** Bytes a second into the gateways, and of write-ahead log of all Postgres servers. */
  networkBytesPerSecond: number;
  walBytesPerSecond: number;
  /** Bytes on disk, all copies. */
  diskBytes: { log: number; postgres: number; clickhouse: number };
}

/** @throws RangeError for a rate that is not above 0. */
export function planCapacity(
  eventsPerSecond: number,
  assumed: typeof ASSUMED | { [Name in keyof typeof ASSUMED]: number } = ASSUMED,
): CapacityPlan {
  if (!(eventsPerSecond > 0)) throw new RangeError('A rate of events is above 0.');
  const cores = (micros: number): number => (eventsPerSecond * micros) / 1e6 / assumed.utilisation;
  const perDay = eventsPerSecond * 86_400;
  const walBytesPerSecond = eventsPerSecond * MEASURED.postgresWalBytes;
  return {
    eventsPerSecond,
    cores: {
      gateway: cores(MEASURED.gatewayCpuMicros),
      pipeline: cores(MEASURED.pipelineCpuMicros),
      postgres: cores(MEASURED.postgresCpuMicros) * assumed.storeReplicas,
      clickhouse: cores(MEASURED.clickhouseCpuMicros) * (1 + assumed.queryShare) * assumed.storeReplicas,
    },
    partitions: evenCeiling(eventsPerSecond / (MEASURED.eventsPerPartition * assumed.utilisation)),
    postgresNodes: Math.max(1, Math.ceil(walBytesPerSecond / assumed.walBytesPerSecondPerNode)),
    networkBytesPerSecond: eventsPerSecond * MEASURED.messageBytes,
    walBytesPerSecond,
    diskBytes: {
      log: eventsPerSecond * 3_600 * assumed.logRetentionHours * MEASURED.messageBytes * assumed.logReplicas,
      postgres: perDay * assumed.rawDays * MEASURED.postgresBytes * assumed.storeReplicas,
      clickhouse: perDay * assumed.clickhouseDays * MEASURED.clickhouseBytes * assumed.storeReplicas,
    },
  };
}

/** The next even number, 2 at least: the embedded log has two, and two workers share any even number evenly. */
function evenCeiling(value: number): number {
  return Math.max(2, 2 * Math.ceil(value / 2));
}
