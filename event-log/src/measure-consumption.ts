import { Gauge, type Registry } from 'prom-client';
import type { ConsumeOptions, EventLog, RecordBatch } from './port.js';

/** What is known of a partition between being assigned and being taken away. */
interface PartitionReading {
  /** Everything below it is handled. */
  position: number;
  /** The end as last seen. */
  endOffset: number;
  /** When the log took the first record of each batch at hand, by the batch's first offset. Two at most, oldest first. */
  heads: Map<number, number>;
  /** Since when there has been something to read of which nothing is at hand yet. */
  waitingSinceMs: number | undefined;
}

export interface ConsumptionOptions {
  /** Default Date.now. */
  now?: () => number;
}

/** A scrape does not wait longer than this for the log to say where it ends; then what was last seen counts. */
const LONGEST_LOOK_MS = 1_000;
/** Both gauges of one scrape share a look. */
const LOOK_LASTS_MS = 1_000;

/**
 * The log, with the lag of its consumers measured. Where the log ends is asked at every scrape, so that lag grows also
 * while a consumer stands still.
 */
export function measureConsumption(
  log: EventLog,
  registry: Registry,
  { now = Date.now }: ConsumptionOptions = {},
): EventLog {
  const readings = new Map<number, PartitionReading>();
  let looking: Promise<void> | undefined;
  let lookedAtMs = -Infinity;

  async function lookAtEnds(): Promise<void> {
    const ends = await log.endOffsets();
    for (const [partition, reading] of readings) {
      reading.endOffset = Math.max(reading.endOffset, ends[partition] ?? 0);
      noteWaiting(reading);
    }
    lookedAtMs = performance.now();
  }

  /** Never rejects: a log that cannot be asked now is no reason for a process to have no metrics. */
  async function look(): Promise<void> {
    if (performance.now() - lookedAtMs < LOOK_LASTS_MS) return;
    looking ??= lookAtEnds()
      .catch(() => undefined)
      .finally(() => (looking = undefined));
    let timer: NodeJS.Timeout | undefined;
    const longEnough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LONGEST_LOOK_MS);
    });
    await Promise.race([looking, longEnough]);
    clearTimeout(timer);
  }

  function noteWaiting(reading: PartitionReading): void {
    if (reading.endOffset <= reading.position || reading.heads.size > 0) reading.waitingSinceMs = undefined;
    else reading.waitingSinceMs ??= now();
  }

  function gauge(name: string, help: string, value: (of: PartitionReading) => number): void {
    new Gauge({
      name,
      help,
      labelNames: ['partition'],
      registers: [registry],
      async collect() {
        await look();
        this.reset();
        for (const [partition, reading] of readings) this.set({ partition }, value(reading));
      },
    });
  }
  gauge('sluice_event_log_lag_records', 'Records of the log that are not handled yet.', lagOf);
  gauge(
    'sluice_event_log_oldest_unread_seconds',
    'Age of the oldest record that is not handled; 0: all are.',
    (reading) => {
      if (lagOf(reading) === 0) return 0;
      const [headMs] = reading.heads.values();
      return Math.max(0, now() - (headMs ?? reading.waitingSinceMs ?? now())) / 1_000;
    },
  );

  function noteAtHand({ partition, from, records, endOffset }: RecordBatch): void {
    const reading = readings.get(partition);
    if (reading === undefined) return;
    reading.endOffset = Math.max(reading.endOffset, endOffset);
    const [first] = records;
    if (first !== undefined) reading.heads.set(from, first.appendedAtMs);
    noteWaiting(reading);
  }

  function noteHandled({ partition, to }: RecordBatch): void {
    const reading = readings.get(partition);
    if (reading === undefined) return;
    reading.position = to;
    for (const from of reading.heads.keys()) if (from < to) reading.heads.delete(from);
    noteWaiting(reading);
  }

  function measured<Prepared>(options: ConsumeOptions<Prepared>): ConsumeOptions<Prepared> {
    return {
      ...options,
      async startAt(partition) {
        const position = await options.startAt(partition);
        const endOffset = Math.max(position, readings.get(partition)?.endOffset ?? 0);
        readings.set(partition, { position, endOffset, heads: new Map(), waitingSinceMs: undefined });
        return position;
      },
      ...(options.prepare === undefined
        ? {}
        : {
            prepare(batch: RecordBatch) {
              noteAtHand(batch);
              return options.prepare!(batch);
            },
          }),
      async handle(batch, signal, prepared) {
        noteAtHand(batch);
        await options.handle(batch, signal, prepared);
        noteHandled(batch);
      },
      onIdle(partition, endOffset, seenAtMs) {
        const reading = readings.get(partition);
        if (reading !== undefined) {
          reading.position = endOffset;
          reading.endOffset = endOffset;
          noteWaiting(reading);
        }
        return options.onIdle?.(partition, endOffset, seenAtMs);
      },
      async onRevoked(partitions) {
        for (const partition of partitions) readings.delete(partition);
        await options.onRevoked?.(partitions);
      },
    };
  }

  return {
    id: log.id,
    partitionCount: log.partitionCount,
    append: (records) => log.append(records),
    endOffsets: () => log.endOffsets(),
    startOffsets: () => log.startOffsets(),
    consume: (options) => log.consume(measured(options)),
    release: (watermark) => log.release(watermark),
    ping: () => log.ping(),
    close: () => log.close(),
  };
}

function lagOf({ position, endOffset }: PartitionReading): number {
  return Math.max(0, endOffset - position);
}
