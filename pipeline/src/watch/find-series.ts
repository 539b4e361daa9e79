import {
  findCountedSeries,
  findSavedSeries,
  kindOfMetric,
  type FoundSeries,
} from '@sluice/analytics-api/watched';
import type pg from 'pg';
import type { Sources } from './ask-values.js';
import type { Watch } from './watched-series.js';

/** The series of a watch that have begun, by what happened from `fromMs` on. */
export async function findSeries(watch: Watch, fromMs: number, sources: Sources): Promise<FoundSeries[]> {
  const { metric, projectId } = watch;
  switch (metric.kind) {
    case 'health': {
      const begunMs = await firstReceiptAt(projectId, fromMs, sources.pool);
      if (begunMs === undefined) return [];
      return metric.signals.map((signal) => {
        const measured = { kind: 'health', signal } as const;
        return { series: signal, metric: measured, kind: kindOfMetric(measured), begunMs };
      });
    }
    case 'saved':
      return findSavedSeries(projectId, metric, { fromMs }, sources);
    default:
      return findCountedSeries(metric, { fromMs }, sources);
  }
}

async function firstReceiptAt(projectId: number, fromMs: number, pool: pg.Pool): Promise<number | undefined> {
  const found = await pool.query<{ first: Date | null }>(
    'select min(minute) as first from ledger where project_id = $1 and minute >= to_timestamp($2 / 1000.0)',
    [projectId, fromMs],
  );
  return found.rows[0]?.first?.getTime();
}
