import { parseWatermark, SluiceError, type Watermark } from '@sluice/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import { askMissingOffsets } from '../questions/missing-offsets.js';
import type { RunPostgres } from '../query-port/run-query.js';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

export interface WatermarkLog {
  readonly id: string;
  readonly partitionCount: number;
  endOffsets(): Promise<number[]>;
}

/** @throws SluiceError invalid_watermark when it is malformed or names a place that the log does not have. */
export async function readWatermark(text: string, log: WatermarkLog, field: string): Promise<Watermark> {
  const watermark = parseWatermark(text);
  if (watermark === undefined) throw new SluiceError('invalid_watermark', { field });
  if (watermark.size === 0) return watermark;
  let ends: number[];
  try {
    ends = await log.endOffsets();
  } catch (error) {
    throw new SluiceError('store_unavailable', {
      message: 'The event log does not answer.',
      retryAfterSeconds: 2,
      cause: error,
    });
  }
  for (const [partition, offset] of watermark) {
    const end = ends[partition];
    if (end === undefined || offset > end) {
      throw new SluiceError('invalid_watermark', {
        message: `The event log does not reach to ${partition}:${offset}.`,
        field,
      });
    }
  }
  return watermark;
}

/**
 * Resolves when the events below the watermark are part of every answer.
 * @throws SluiceError watermark_timeout
 */
export async function waitFor(
  watermark: Watermark,
  options: { logId: string; runPostgres: RunPostgres; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  if (watermark.size === 0) return;
  const { logId, runPostgres, timeoutMs, signal } = options;
  const deadline = performance.now() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const { rows } = await runPostgres(askMissingOffsets(logId, watermark), { signal });
    if (rows.length === 0) return;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      throw new SluiceError('watermark_timeout', {
        message: `After ${timeoutMs} ms, ${rows.length} of ${watermark.size} partitions were not complete.`,
        retryAfterSeconds: 1,
      });
    }
    await delay(Math.min(pauseMs, leftMs), undefined, { signal });
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
