import type { Page } from 'playwright-core';
import { createApiClient, type ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import type { Arrivals } from './arrivals.js';
import { BROWSER_ROWS, type BrowserRow, type RowFindings } from './browser-rows.js';
import { checkLanding } from './check-landing.js';
import { openLab, type Lab } from './lab.js';
import { worstOf, type FaultRunOptions, type Row } from './row.js';
import { bundlePage, type Subject } from './subject.js';
import { traceOf } from './trace.js';

export interface BrowserFaultOptions extends FaultRunOptions {
  /** The SDKs that run in pages, in the order of the table. */
  subjects: readonly Subject[];
  /** Chromium's. */
  executable: string;
  /** How often each row is run; the worst of each figure is told. Default 1. */
  rounds?: number;
  /** Given the requests and the stored data of each row of Sluice that failed. */
  onTrace?: (text: string) => void;
}

/** How long nothing may arrive after the return visit until the row counts as over. */
const SLUICE_IDLE_MS = 60_000;
const PEER_IDLE_MS = 15_000;
/** After everything has arrived: copies come late. */
const COPIES_MS = 3_000;
/** Longer than a lease runs. */
const OUTBOX_TIMEOUT_MS = 60_000;
const LANDING_TIMEOUT_MS = 120_000;

/** Runs rows one after the other, each in a browser of its own: the machine's time goes to one SDK at a time. */
export async function runBrowserFaults(options: BrowserFaultOptions): Promise<Row[]> {
  const { target, signal } = options;
  const api = createApiClient({ url: target.apiUrl, readKey: target.readKey });
  const rows: Row[] = [];
  try {
    for (const subject of options.subjects) {
      const script = await bundlePage(subject);
      for (const faultRow of BROWSER_ROWS) {
        if (options.rows !== undefined && !options.rows.has(faultRow.name)) continue;
        options.onProgress(`${subject.name}: ${faultRow.title}`);
        const rounds: Row[] = [];
        for (let round = 0; round < (options.rounds ?? 1); round++) {
          signal.throwIfAborted();
          const lab = await openLab({ subject, script, executable: options.executable, signal });
          try {
            const row = await runRow(lab, faultRow, api);
            if (lab.isSluice && isWrong(row)) options.onTrace?.(await traceOf(lab, row));
            rounds.push(row);
          } finally {
            await lab.close();
          }
        }
        const row = worstOf(rounds);
        rows.push(row);
        options.onRow(row);
      }
    }
    return rows;
  } finally {
    await api.close();
  }
}

async function runRow(lab: Lab, faultRow: BrowserRow, api: ApiClient): Promise<Row> {
  const expected = faultRow.expected(lab.isSluice);
  const findings = await faultRow.act(lab);
  const notes = [...(findings.notes ?? [])];
  let { returned } = findings;
  if (returned === undefined) {
    if (lab.arrivals().copies.size >= expected) await wait(COPIES_MS, lab.signal);
    const before = lab.arrivals().copies.size;
    if (before < expected) notes.push(`${before} before the return visit`);
    returned = await lab.comeBack();
  }
  const returnedMs = Date.now();
  const wasMissing = lab.arrivals().copies.size < expected;
  const isComplete = await lab.untilStill(expected, lab.isSluice ? SLUICE_IDLE_MS : PEER_IDLE_MS);
  if (wasMissing && isComplete) {
    notes.push(`the last one ${((Date.now() - returnedMs) / 1_000).toFixed(1)} s after the return visit`);
  }
  if (isComplete) await wait(COPIES_MS, lab.signal);
  const waiting = await emptyOutbox(returned, lab);

  const arrivals = lab.arrivals();
  const row: Row = {
    place: 'browser',
    row: faultRow.name,
    title: faultRow.title,
    sdk: lab.subjectName,
    expected,
    distinct: arrivals.copies.size,
    extraCopies: arrivals.extraCopies,
    copiesAfterLanding: null,
    requestsInOutage: findings.requestsInOutage ?? null,
    syncMicros: findings.syncMicros ?? [],
    notes,
    broken: waiting === 0 ? [] : [`${waiting} messages stay in the outbox`],
  };
  return lab.isSluice ? withLanding(row, lab, arrivals, findings, api) : row;
}

/**
 * Pages that were left do not hear of what became of their last requests: another page sends those messages again, when
 * their leases have run out. These copies belong to the row, too. Resolves with how many messages stay.
 */
async function emptyOutbox(page: Page, lab: Lab): Promise<number> {
  const deadlineMs = Date.now() + OUTBOX_TIMEOUT_MS;
  for (;;) {
    const waiting = await page.evaluate<number>('lab.flush()');
    if (waiting === 0 || Date.now() > deadlineMs) return waiting;
    await wait(500, lab.signal);
  }
}

/** What arrived is not yet what is counted: the stores have the last word. */
async function withLanding(
  row: Row,
  lab: Lab,
  arrivals: Arrivals,
  findings: RowFindings,
  api: ApiClient,
): Promise<Row> {
  const landing = await checkLanding({
    api,
    event: lab.event,
    accepted: arrivals.messageIds,
    watermark: arrivals.watermark,
    timeoutMs: LANDING_TIMEOUT_MS,
    signal: lab.signal,
  });
  const broken = [...row.broken, ...(findings.broken ?? [])];
  if (arrivals.preflights > 0) broken.push(`${arrivals.preflights} preflights`);
  if (arrivals.refusals.length > 0) {
    broken.push(`${arrivals.refusals.length} messages refused: ${arrivals.refusals[0] ?? ''}`);
  }
  if (landing.missing.length > 0) broken.push(`${landing.missing.length} accepted messages are in no store`);
  return {
    ...row,
    distinct: Math.min(arrivals.copies.size, landing.distinct),
    // One event under two ids is a copy too, which no server can tell.
    copiesAfterLanding: landing.copies + Math.max(0, landing.distinct - arrivals.copies.size),
    broken,
  };
}

function isWrong(row: Row): boolean {
  return row.distinct < row.expected || row.copiesAfterLanding !== 0 || row.broken.length > 0;
}
