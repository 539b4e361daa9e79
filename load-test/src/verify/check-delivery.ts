import type { ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import { compareDelivery, isExact, type Comparison } from './compare.js';
import type { RunIds } from './run-ids.js';
import { settle } from './settle.js';
import { createTally, type Tally } from './tally.js';

export interface CheckDeliveryOptions {
  api: ApiClient;
  ids: RunIds;
  /** The name that all events of the run have, and no others. */
  event: string;
  accepted: Tally;
  watermark: string;
  /** How long it may take until everything is there, milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
  onWaiting?: (text: string) => void;
}

export interface DeliveryReport extends Comparison {
  exact: boolean;
  /** The same count from single events rather than from the rollup. */
  countedFromEvents: number;
  /** Whether the ledger of the instance balances. */
  audited: boolean;
  /** False when something was still on its way at the deadline. */
  settled: boolean;
}

const RETRY_MS = 1_000;

/**
 * Asks a running Sluice for every accepted message, by its id, and for the counts, until all is right or the time is up.
 */
export async function checkDelivery(options: CheckDeliveryOptions): Promise<DeliveryReport> {
  const { api, event, accepted, signal } = options;
  const deadlineMs = Date.now() + options.timeoutMs;
  for (;;) {
    const settled = await settle({
      api,
      watermark: options.watermark,
      deadlineMs,
      ...(signal === undefined ? {} : { signal }),
      ...(options.onWaiting === undefined ? {} : { onWaiting: options.onWaiting }),
    });
    options.onWaiting?.('comparing message by message');
    const comparison = compareDelivery(
      accepted,
      await readStored(api, options.ids, event),
      await api.count({ event }),
    );
    const countedFromEvents = await api.count({ event, source: 'raw' });
    const audit = await api.audit();
    const exact =
      isExact(comparison) &&
      countedFromEvents === comparison.rolledUp &&
      audit.balanced &&
      audit.rollups.balanced;
    if (exact || Date.now() + RETRY_MS > deadlineMs || signal?.aborted === true) {
      return {
        ...comparison,
        exact,
        countedFromEvents,
        audited: audit.balanced && audit.rollups.balanced,
        settled,
      };
    }
    await wait(RETRY_MS, signal);
  }
}

async function readStored(api: ApiClient, ids: RunIds, event: string): Promise<Tally> {
  const stored = createTally();
  for await (const messageId of api.messageIds(event)) {
    const n = ids.numberOf(messageId);
    if (n === undefined)
      throw new Error(`An event named ${event} has a messageId of another run: ${messageId}`);
    stored.add(n);
  }
  return stored;
}
