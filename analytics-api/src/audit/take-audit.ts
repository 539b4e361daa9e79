import type { Audit } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { databaseOf } from '../freshness/completeness.js';
import { askLanded, askProjectLanded, askReceipts, askRollupTotals, askStored } from '../questions/audit.js';
import { isoOf } from '../time/range.js';
import { balanceMinutes, distanceFrom, sumMinutes } from './balance.js';
import { readDeviceGaps } from './device-gaps.js';
import { readInFlight } from './in-flight.js';

export interface AuditRequest {
  projectId: number;
  /** Minutes of receipt; the range is widened to whole minutes. */
  fromMs: number;
  toMs: number;
  /** Whether every minute is listed, or only those that are not balanced. */
  everyMinute: boolean;
  signal: AbortSignal;
}

const MINUTE_MS = 60_000;
const MAX_MINUTES = 200_000;
const SHOWN_UNBALANCED = 100;

/** Compares the ledger, the stored rows and the rollups of a project. Right also while events arrive. */
export async function takeAudit(request: AuditRequest, context: ApiContext): Promise<Audit> {
  const { projectId, signal } = request;
  const { runPostgres, runClickHouse, config } = context;
  const fromMs = Math.floor(request.fromMs / MINUTE_MS) * MINUTE_MS;
  const toMs = Math.ceil(request.toMs / MINUTE_MS) * MINUTE_MS;
  const limits = { timeoutMs: config.auditTimeoutMs, maxRows: MAX_MINUTES, signal };

  const database = databaseOf(context, await context.readCompleteness(projectId, limits));
  const before = (await runPostgres(askProjectLanded(projectId), limits)).rows[0]!;
  const stored = await runPostgres(askStored(projectId, fromMs, toMs), limits);
  const receipts = await runClickHouse(askReceipts(database, projectId, fromMs, toMs), limits);
  const rollups = (await runClickHouse(askRollupTotals(database, projectId), limits)).rows[0]!;
  const landedLater = await runPostgres(askLanded(projectId, fromMs, toMs), limits);
  const after = (await runPostgres(askProjectLanded(projectId), limits)).rows[0]!;

  const minutes = balanceMinutes(
    stored.rows,
    new Map(receipts.rows.map(({ minute_ms, events }) => [minute_ms, events])),
    new Map(landedLater.rows.map((row) => [row.minute.getTime(), row])),
  );
  const totals = sumMinutes(minutes);
  // More lands meanwhile, and somebody may be erased: then it is less afterwards.
  const atLeast = Math.min(before.landed - before.pending, after.landed - after.pending);
  const atMost = Math.max(before.at_most, after.at_most);
  const areRollupsBalanced = Object.values(rollups).every(
    (events) => distanceFrom(events, atLeast, atMost) === 0,
  );
  return {
    balanced: totals.balanced && areRollupsBalanced,
    from: isoOf(fromMs),
    to: isoOf(toMs),
    totals,
    rollups: {
      expected_at_least: atLeast,
      expected_at_most: atMost,
      ...rollups,
      balanced: areRollupsBalanced,
    },
    in_flight: await readInFlight(context, signal),
    devices: await readDeviceGaps(context, { projectId, fromMs, toMs }, limits),
    unbalanced_minutes: minutes.filter(({ balanced }) => !balanced).slice(0, SHOWN_UNBALANCED),
    ...(request.everyMinute ? { minutes } : {}),
  };
}
