import type { ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import { settle } from './settle.js';

export interface CheckMessagesOptions {
  api: ApiClient;
  /** Ids of all messages that the gateway accepted; nothing else may be in the instance. */
  accepted: ReadonlySet<string>;
  watermark: string;
  timeoutMs: number;
  signal?: AbortSignal;
  onWaiting?: (text: string) => void;
}

export interface MessagesReport {
  /** Accepted messages, by id. */
  distinct: number;
  /** Of those, how many have a receipt that says they are stored. */
  landed: number;
  /** What the rollups count. */
  rolledUp: number;
  lost: number;
  duplicated: number;
  lostIds: string[];
  duplicatedIds: string[];
  /** Further sends that Sluice recognised and did not count. */
  recognisedDuplicates: number;
  audited: boolean;
  exact: boolean;
}

const RETRY_MS = 1_000;
const NAMED = 20;

/**
 * Looks every message of an instance up by its id, three ways: its receipt, the list of stored events, and the counts of
 * rollups and single events. Nothing but these messages may be in the instance.
 */
export async function checkMessages(options: CheckMessagesOptions): Promise<MessagesReport> {
  const { api, accepted, signal } = options;
  const deadlineMs = Date.now() + options.timeoutMs;
  for (;;) {
    await settle({
      api,
      watermark: options.watermark,
      deadlineMs,
      ...(signal === undefined ? {} : { signal }),
      ...(options.onWaiting === undefined ? {} : { onWaiting: options.onWaiting }),
    });
    const report = await compareMessages(api, accepted);
    if (report.exact || Date.now() + RETRY_MS > deadlineMs || signal?.aborted === true) return report;
    await wait(RETRY_MS, signal);
  }
}

async function compareMessages(api: ApiClient, accepted: ReadonlySet<string>): Promise<MessagesReport> {
  const copies = new Map<string, number>();
  for await (const { messageId } of api.events()) copies.set(messageId, (copies.get(messageId) ?? 0) + 1);
  const rolledUp = await api.count({ event: null });
  const single = await api.count({ event: null, source: 'raw' });
  const audit = await api.audit();
  const report: MessagesReport = {
    distinct: accepted.size,
    landed: 0,
    rolledUp,
    lost: 0,
    duplicated: 0,
    lostIds: [],
    duplicatedIds: [],
    recognisedDuplicates: 0,
    audited: audit.balanced && audit.rollups.balanced,
    exact: false,
  };
  for (const id of accepted) {
    const receipt = await api.receipt(id);
    const isStored = receipt?.state === 'landed' || receipt?.state === 'rolled_up';
    if (isStored) report.landed++;
    if (!isStored || !copies.has(id)) note(report.lostIds, id, () => report.lost++);
    report.recognisedDuplicates += receipt?.duplicates ?? 0;
  }
  for (const [id, count] of copies) {
    for (let copy = 1; copy < count; copy++) note(report.duplicatedIds, id, () => report.duplicated++);
  }
  // Rows without an accepted message behind them: nothing else was sent.
  const strangers = [...copies.keys()].filter((id) => !accepted.has(id)).length;
  const stored = report.landed + strangers;
  report.duplicated += strangers;
  report.lost += Math.max(0, stored - Math.min(rolledUp, single, audit.totals.raw_rows));
  report.duplicated += Math.max(0, Math.max(rolledUp, single, audit.totals.raw_rows) - stored);
  report.exact =
    report.lost === 0 &&
    report.duplicated === 0 &&
    report.landed === report.distinct &&
    report.rolledUp === report.distinct &&
    report.audited;
  return report;
}

function note(ids: string[], id: string, count: () => void): void {
  count();
  if (ids.length < NAMED) ids.push(id);
}
