import { Counter, Histogram, type Registry } from 'prom-client';
import { LogFullError, LogUnavailableError, RecordTooLargeError, type EventLog } from './port.js';

/** The log, with its appends measured: how long the log took to acknowledge, what it took and what it refused. */
export function measureAppends(log: EventLog, registry: Registry): EventLog {
  const registers = [registry];
  const seconds = new Histogram({
    name: 'sluice_event_log_append_seconds',
    help: 'From an append to its acknowledgement; those that failed are not in it.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const appended = new Counter({
    name: 'sluice_event_log_appended_records_total',
    help: 'Records that the log took.',
    registers,
  });
  const failures = new Counter({
    name: 'sluice_event_log_append_failures_total',
    help: 'Appends that the log refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of REASONS) failures.labels(reason);

  return {
    id: log.id,
    partitionCount: log.partitionCount,
    async append(records) {
      const startedMs = performance.now();
      try {
        const positions = await log.append(records);
        seconds.observe((performance.now() - startedMs) / 1_000);
        appended.inc(records.length);
        return positions;
      } catch (error) {
        failures.labels(reasonOf(error)).inc();
        throw error;
      }
    },
    endOffsets: () => log.endOffsets(),
    startOffsets: () => log.startOffsets(),
    consume: (options) => log.consume(options),
    release: (watermark) => log.release(watermark),
    ping: () => log.ping(),
    close: () => log.close(),
  };
}

const REASONS = ['unavailable', 'full', 'too_large', 'other'] as const;

function reasonOf(error: unknown): (typeof REASONS)[number] {
  if (error instanceof LogUnavailableError) return 'unavailable';
  if (error instanceof LogFullError) return 'full';
  if (error instanceof RecordTooLargeError) return 'too_large';
  return 'other';
}
