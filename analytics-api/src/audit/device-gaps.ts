import type { DeviceGaps } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { askDeviceGaps, askDeviceTotals } from '../questions/device-gaps.js';
import { isoOf } from '../time/range.js';

const SHOWN_GAPS = 100;

/** What devices say they sent beside what came of it. */
export async function readDeviceGaps(
  { runPostgres }: Pick<ApiContext, 'runPostgres'>,
  request: { projectId: number; fromMs: number; toMs: number },
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<DeviceGaps> {
  const { projectId, fromMs, toMs } = request;
  const totals = await runPostgres(askDeviceTotals(projectId, fromMs, toMs), limits);
  const gaps = await runPostgres(askDeviceGaps(projectId, fromMs, toMs, SHOWN_GAPS), limits);
  return {
    ...totals.rows[0]!,
    gaps: gaps.rows.map((row) => ({ ...row, last_received_at: isoOf(row.last_received_at.getTime()) })),
  };
}
