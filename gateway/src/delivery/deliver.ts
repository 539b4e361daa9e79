import { formatWatermark, SluiceError, type IngestAnswer } from '@sluice/contracts';
import {
  LogFullError,
  LogUnavailableError,
  type EventLog,
  type NewRecord,
  type Position,
} from '@sluice/event-log';
import { createDeadlines } from '../deadlines.js';
import type { Spool } from '../spool/spool.js';
import { SpoolUnavailableError } from '../spool/spool.js';
import type { GatewayTelemetry } from '../telemetry.js';

/** Where records went, and the point in the log after them. */
export type Delivery = Pick<IngestAnswer, 'durability' | 'watermark'>;

export interface Delivering {
  /**
   * Resolves once the records are durable. While the spool holds anything they go behind it, so that order is kept.
   * @throws SluiceError log_unavailable when neither the log nor the spool takes them.
   */
  deliver(
    records: readonly NewRecord[],
    facts: { receivedAtMs: number; messages: number },
  ): Promise<Delivery>;
  close(): void;
}

/** How long a client should wait when the spool is full: about what it takes to notice that the log is back. */
const RETRY_AFTER_SECONDS = 10;

export function createDelivering(options: {
  log: EventLog;
  spool: Spool;
  telemetry: GatewayTelemetry;
  appendTimeoutMs: number;
  /** Tells the other services that messages wait in the spool; awaited before the first of them is acknowledged. */
  announceSpool: () => Promise<void>;
}): Delivering {
  const { log, spool, telemetry, appendTimeoutMs, announceSpool } = options;
  const deadlines = createDeadlines(appendTimeoutMs);

  /** The log's answer, or its silence as a failure. What arrives after all is a duplicate that landing removes. */
  function appendInTime(records: readonly NewRecord[]): Promise<Position[]> {
    return new Promise((resolve, reject) => {
      const deadline = deadlines.set(() =>
        reject(new LogUnavailableError(`the event log did not acknowledge within ${appendTimeoutMs} ms`)),
      );
      log.append(records).then(
        (positions) => {
          deadline.clear();
          resolve(positions);
        },
        (error: unknown) => {
          deadline.clear();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  return {
    async deliver(records, facts) {
      if (spool.isEmpty) {
        try {
          const positions = await appendInTime(records);
          return { durability: 'log', watermark: watermarkAfter(positions) };
        } catch (error) {
          if (!(error instanceof LogUnavailableError || error instanceof LogFullError)) throw error;
          telemetry.logFailed(error);
        }
      }
      try {
        await spool.append({ ...facts, records });
        await announceSpool();
        return { durability: 'disk', watermark: null };
      } catch (error) {
        if (!(error instanceof SpoolUnavailableError)) throw error;
        telemetry.messagesTurnedAway(facts.messages, error);
        throw new SluiceError('log_unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
      }
    },
    close: () => deadlines.close(),
  };
}

function watermarkAfter(positions: readonly Position[]): string {
  if (positions.length === 1) return `${positions[0]!.partition}:${positions[0]!.offset + 1}`;
  const ends = new Map<number, number>();
  for (const { partition, offset } of positions) {
    ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1));
  }
  return formatWatermark(ends);
}
