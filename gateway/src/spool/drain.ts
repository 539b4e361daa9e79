import { partitionOf, type EventLog } from '@sluice/event-log';
import type { GatewayTelemetry } from '../telemetry.js';
import type { Spool } from './spool.js';

export interface Draining {
  /** Resolves with true once the spool is empty, with false when it is not after `timeoutMs`. */
  whenEmpty(timeoutMs: number): Promise<boolean>;
  /** Ends draining after the append that is on its way; what is left stays on disk. */
  stop(): Promise<void>;
}

const BATCH_BYTES = 1024 * 1024;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const LONGEST_STOP_MS = 1_000;

/**
 * Hands what the spool holds to the log, oldest first, for as long as it runs. An append whose fate is unknown is tried
 * again: the copies are removed when they land.
 */
export function startDraining(options: {
  spool: Spool;
  log: EventLog;
  telemetry: GatewayTelemetry;
}): Draining {
  const { spool, log, telemetry } = options;
  const stopping = new AbortController();
  let retryInMs = FIRST_RETRY_MS;
  let drainedMessages = 0;
  let onEmpty: (() => void) | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await drainHead();
        retryInMs = FIRST_RETRY_MS;
      } catch (error) {
        telemetry.spoolDrainFailed(error, retryInMs);
        await pause(retryInMs * (0.5 + Math.random() / 2), stopping.signal);
        retryInMs = Math.min(retryInMs * 2, LAST_RETRY_MS);
      }
    }
  }

  async function drainHead(): Promise<void> {
    const batch = await spool.readHead(BATCH_BYTES);
    if (batch === undefined) {
      if (spool.isEmpty) onEmpty?.();
      if (spool.isEmpty && drainedMessages > 0) {
        telemetry.logRecovered(drainedMessages);
        drainedMessages = 0;
      }
      await Promise.race([spool.filled(), aborted(stopping.signal)]);
      return;
    }
    const records = batch.entries.flatMap((entry) => entry.records);
    // The log may have another number of partitions than when the records were kept.
    await log.append(
      records.map((record) =>
        record.partition < log.partitionCount
          ? record
          : { ...record, partition: partitionOf(record.key, log.partitionCount) },
      ),
    );
    await batch.confirm();
    const messages = batch.entries.reduce((sum, entry) => sum + entry.messages, 0);
    drainedMessages += messages;
    telemetry.spoolDrained(messages);
  }

  const running = run();
  return {
    async whenEmpty(timeoutMs) {
      if (spool.isEmpty) return true;
      const waiting = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => (onEmpty = resolve)),
        pause(timeoutMs, waiting.signal),
      ]);
      waiting.abort();
      onEmpty = undefined;
      return spool.isEmpty;
    },
    async stop() {
      stopping.abort();
      // An append that hangs with its log is left alone: its records are still in the spool.
      const waiting = new AbortController();
      await Promise.race([running, pause(LONGEST_STOP_MS, waiting.signal)]);
      waiting.abort();
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
