import type { ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import { readIdFile } from './id-file.js';

export interface CheckReceiptsOptions {
  api: ApiClient;
  /** messageIds of accepted messages, one a line. */
  file: string;
  /** How long it may take until everything is there, milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
  onProgress?: (checked: number) => void;
}

export interface ReceiptsReport {
  exact: boolean;
  accepted: number;
  landed: number;
  rolledUp: number;
  lost: number;
  /** The first of them. */
  lostIds: string[];
  /** Further sends that Sluice recognised as such. */
  recognisedDuplicates: number;
  audited: boolean;
}

const CONCURRENCY = 16;
const POLL_MS = 500;
const NAMED = 20;

/**
 * Asks for the receipt of every id of a file, in memory that does not grow with the file. A row is stored once for each
 * event id, which the store's key enforces; that the counts equal the rows is what the audit says.
 */
export async function checkReceipts(options: CheckReceiptsOptions): Promise<ReceiptsReport> {
  const { api, signal } = options;
  const deadlineMs = Date.now() + options.timeoutMs;
  const report: ReceiptsReport = {
    exact: false,
    accepted: 0,
    landed: 0,
    rolledUp: 0,
    lost: 0,
    lostIds: [],
    recognisedDuplicates: 0,
    audited: false,
  };

  async function check(messageId: string): Promise<void> {
    let receipt = await api.receipt(messageId);
    while (receipt?.state !== 'rolled_up' && receipt?.state !== 'dead_lettered' && Date.now() < deadlineMs) {
      await wait(POLL_MS, signal);
      receipt = await api.receipt(messageId);
    }
    report.accepted++;
    if (receipt?.state === 'landed' || receipt?.state === 'rolled_up') report.landed++;
    if (receipt?.state === 'rolled_up') report.rolledUp++;
    else {
      report.lost++;
      if (report.lostIds.length < NAMED) report.lostIds.push(messageId);
    }
    report.recognisedDuplicates += receipt?.duplicates ?? 0;
    if (report.accepted % 1_000 === 0) options.onProgress?.(report.accepted);
  }

  const ids = readIdFile(options.file);
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (let next = await ids.next(); next.done !== true; next = await ids.next()) {
        if (signal?.aborted === true) return;
        await check(next.value);
      }
    }),
  );
  const audit = await api.audit();
  report.audited = audit.balanced && audit.rollups.balanced;
  report.exact = report.lost === 0 && report.accepted > 0 && report.audited;
  return report;
}
