import type { Anomaly } from '@sluice/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunPostgres } from '../query-port/run-query.js';
import { askAnomalyChanges, type AnomalySelection } from '../questions/anomalies.js';
import { anomalyOf } from './anomaly-answers.js';

/** What a tail says: anomalies as they change, or that it is alive. */
export type AnomalyItem = { kind: 'anomaly'; anomaly: Anomaly } | { kind: 'alive' };

const MAX_CHANGES = 200;

/**
 * Follows the anomalies of a project as they change, each as it is by then. Nothing is read before the consumer asks for it.
 * A tail that starts from the `change_id` of what another has said misses nothing. Ends when the signal aborts.
 */
export async function* tailAnomalies(options: {
  selection: AnomalySelection;
  /** Changes up to this one are known. */
  after: number;
  pollMs: number;
  heartbeatMs: number;
  runPostgres: RunPostgres;
  signal: AbortSignal;
}): AsyncGenerator<AnomalyItem> {
  const { selection, pollMs, heartbeatMs, runPostgres, signal } = options;
  let after = options.after;
  let quietSince = performance.now();
  while (!signal.aborted) {
    const { rows } = await runPostgres(askAnomalyChanges(selection, { after, limit: MAX_CHANGES }), {
      signal,
    });
    for (const row of rows) {
      after = row.change_id;
      quietSince = performance.now();
      yield { kind: 'anomaly', anomaly: anomalyOf(row) };
    }
    if (rows.length === MAX_CHANGES) continue;
    if (performance.now() - quietSince >= heartbeatMs) {
      quietSince = performance.now();
      yield { kind: 'alive' };
    }
    try {
      await delay(pollMs, undefined, { signal });
    } catch {
      return;
    }
  }
}

/** A tail as server-sent events; the id of each is its change, by which a client that reconnects goes on. */
export async function* encodeAnomalies(items: AsyncIterable<AnomalyItem>): AsyncGenerator<string> {
  yield 'retry: 2000\n\n';
  for await (const item of items) {
    if (item.kind === 'alive') yield ': alive\n\n';
    else yield `event: anomaly\nid: ${item.anomaly.change_id}\ndata: ${JSON.stringify(item.anomaly)}\n\n`;
  }
}
