import { ApiError, type ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';

export interface SettleOptions {
  api: ApiClient;
  /** What the gateway's answers said. */
  watermark: string;
  deadlineMs: number;
  signal?: AbortSignal;
  onWaiting?: (text: string) => void;
}

const POLL_MS = 500;

/**
 * Waits until nothing accepted is on its way any more: everything up to the watermark is part of answers, and no gateway
 * holds anything on its disk. False when the deadline passed first.
 */
export async function settle(options: SettleOptions): Promise<boolean> {
  const { api, watermark, deadlineMs, signal } = options;
  while (Date.now() < deadlineMs && signal?.aborted !== true) {
    try {
      await api.count({
        event: null,
        ...(watermark === '' ? {} : { waitFor: watermark }),
        waitTimeoutMs: Math.max(0, Math.min(30_000, deadlineMs - Date.now())),
      });
      const status = await api.status();
      const onItsWay = status.spooled_messages + status.in_flight_records + status.pending_rows;
      if (onItsWay === 0) return true;
      options.onWaiting?.(
        `on its way: ${status.spooled_messages} on gateways' disks, ${status.in_flight_records} log records, ${status.pending_rows} rows`,
      );
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 0 && error.status < 500)) throw error;
      options.onWaiting?.(error.message);
    }
    await wait(POLL_MS, signal);
  }
  return false;
}
