import type { ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import { compareDelivery, isExact, type Comparison, type Stored } from './compare.js';
import type { RunIds } from './run-ids.js';
import { settle } from './settle.js';
import { createTally, type Tally } from './tally.js';

export interface CheckDeliveryOptions {
  api: ApiClient;
  ids: RunIds;
  /**
   * The name that all events of the run have, and no others. Without one the rollups cannot be counted for the run
   * alone: that they agree with the events is then what the audit says.
   */
  event?: string;
  /** No event of the run happened before this instant. */
  fromMs: number;
  accepted: Tally;
  watermark: string;
  /** How long it may take until everything is there, milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
  onWaiting?: (text: string) => void;
}

export interface DeliveryReport extends Comparison {
  exact: boolean;
  /** Whether the ledger of the instance balances, and its rollups agree with its events. */
  audited: boolean;
  /** False when something was still on its way at the deadline. */
  settled: boolean;
}

const RETRY_MS = 1_000;
/** Clocks of the sender and of the server may differ by so much. */
const SKEW_MS = 60_000;

/**
 * Asks a running Sluice for every accepted message, by its id, and for the counts, until all is right or the time is up.
 */
export async function checkDelivery(options: CheckDeliveryOptions): Promise<DeliveryReport> {
  const { api, event, signal } = options;
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
    const stored = await readStored(options);
    const rolledUp = event === undefined ? stored.columnar.distinct : await api.count({ event });
    const single = event === undefined ? rolledUp : await api.count({ event, source: 'raw' });
    const comparison = compareDelivery(options.accepted, stored, rolledUp);
    const audit = await api.audit();
    const audited = audit.balanced && audit.rollups.balanced;
    const exact = isExact(comparison) && single === rolledUp && audited;
    if (exact || Date.now() + RETRY_MS > deadlineMs || signal?.aborted === true) {
      return { ...comparison, exact, audited, settled };
    }
    await wait(RETRY_MS, signal);
  }
}

async function readStored({ api, ids, event, fromMs }: CheckDeliveryOptions): Promise<Stored> {
  const stored = { raw: createTally(), columnar: createTally() };
  const range = { fromMs: fromMs - SKEW_MS };
  for await (const found of api.events(event === undefined ? range : { ...range, event })) {
    const n = ids.numberOf(found.messageId);
    if (n === undefined) continue;
    stored.columnar.add(n);
    if (found.isRaw) stored.raw.add(n);
  }
  return stored;
}
