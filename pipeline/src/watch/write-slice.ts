import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { queueOpened, queueResolved, readChannels } from '../notify/outbox.js';
import { foldIncidents, type EarlierPoint, type EvidenceItem, type Incident } from './fold-incidents.js';
import { inTransaction } from './in-transaction.js';
import { insertIncident, readOpenIncidents, updateIncident } from './incident-rows.js';
import type { JudgedSeries } from './judge-series.js';
import type { OnWatchStep } from './steps.js';
import { holdWatch, StaleWatcherError } from './watch-rows.js';
import type { Watch } from './watched-series.js';

export interface SliceEvidence {
  seriesId: number;
  bucketMs: number;
  /** Undefined: not known. */
  items: EvidenceItem[] | undefined;
}

/** Flags that a slice opened, by severity, for the metrics. */
export interface WrittenSlice {
  opened: Incident[];
}

/**
 * Writes what a slice came to, in one transaction: states, points, anomalies, what was learned, and what there is to tell.
 * The next bucket of each series is advanced from where the slice began, or nothing is.
 * @throws StaleWatcherError when another watcher advanced one of them.
 */
export async function writeSlice(
  client: pg.ClientBase,
  watch: Watch,
  judged: readonly JudgedSeries[],
  options: { evidence: readonly SliceEvidence[]; nowMs: number; onStep: OnWatchStep },
): Promise<WrittenSlice> {
  const opened = await inTransaction(client, async () => {
    await holdWatch(client, watch);
    const snoozes = await advance(client, judged);
    await options.onStep('fenced');
    await insertPoints(client, judged);
    await options.onStep('points-written');
    const incidents = await writeIncidents(client, watch, judged, { ...options, snoozes });
    await noteLearned(client, judged);
    await options.onStep('anomalies-written');
    return incidents;
  });
  await options.onStep('committed');
  return { opened };
}

/** Resolves with until when each series is snoozed: as of now, and nobody can change it before the transaction ends. */
async function advance(
  client: pg.ClientBase,
  judged: readonly JudgedSeries[],
): Promise<ReadonlyMap<number, Date | null>> {
  const result = await client.query<{ series_id: number; snoozed_until: Date | null }>(
    `update watch_series s set next_bucket = to_timestamp(n.to_ms / 1000.0), state = n.state, detector = n.detector,
       detector_version = n.detector_version, last_error = null, failed_since = null, updated_at = now()
     from unnest($1::bigint[], $2::float8[], $3::float8[], $4::bytea[], $5::text[], $6::int[])
       as n (series_id, from_ms, to_ms, state, detector, detector_version)
     where s.series_id = n.series_id and s.next_bucket = to_timestamp(n.from_ms / 1000.0)
     returning s.series_id, s.snoozed_until`,
    [
      judged.map(({ series }) => series.seriesId),
      judged.map(({ fromMs }) => fromMs),
      judged.map(({ toMs }) => toMs),
      judged.map(({ state }) => Buffer.from(state.buffer, state.byteOffset, state.byteLength)),
      judged.map(({ detector }) => detector),
      judged.map(({ detectorVersion }) => detectorVersion),
    ],
  );
  if (result.rowCount !== judged.length) {
    throw new StaleWatcherError('Another watcher has judged these buckets.');
  }
  return new Map(result.rows.map((row) => [row.series_id, row.snoozed_until]));
}

async function insertPoints(client: pg.ClientBase, judged: readonly JudgedSeries[]): Promise<void> {
  const rows = judged.flatMap(({ series, buckets }) =>
    buckets.map(({ startMs, judgement: { verdict } }) => ({ seriesId: series.seriesId, startMs, verdict })),
  );
  await client.query(
    `insert into watch_points (series_id, bucket, observed, expected, lower, upper, tail_probability, anomalous)
     select series_id, to_timestamp(start_ms / 1000.0), observed, expected, lower, upper, tail, anomalous
     from unnest($1::bigint[], $2::float8[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
       $8::boolean[]) as p (series_id, start_ms, observed, expected, lower, upper, tail, anomalous)`,
    [
      rows.map(({ seriesId }) => seriesId),
      rows.map(({ startMs }) => startMs),
      rows.map(({ verdict }) => verdict.observed),
      rows.map(({ verdict }) => verdict.expected),
      rows.map(({ verdict }) => verdict.lower),
      rows.map(({ verdict }) => verdict.upper),
      rows.map(({ verdict }) => verdict.tailProbability),
      rows.map(({ verdict }) => verdict.isAnomalous),
    ],
  );
}

async function writeIncidents(
  client: pg.ClientBase,
  watch: Watch,
  judged: readonly JudgedSeries[],
  options: {
    evidence: readonly SliceEvidence[];
    nowMs: number;
    snoozes: ReadonlyMap<number, Date | null>;
  },
): Promise<Incident[]> {
  const { evidence, nowMs, snoozes } = options;
  const moved = judged.filter(({ buckets }) =>
    buckets.some(({ judgement }) => judgement.transition.kind !== 'none'),
  );
  if (moved.length === 0) return [];
  await client.query('select pg_advisory_xact_lock($1, $2)', [LOCKS.ANOMALY_CHANGES, watch.projectId]);
  const open = await readOpenIncidents(
    client,
    moved.map(({ series }) => series.seriesId),
  );
  const channels = await readChannels(client, watch.projectId);
  const opened: Incident[] = [];
  for (const one of moved) {
    const { series, buckets, detector, detectorVersion } = one;
    const changes = foldIncidents(open.get(series.seriesId), buckets, {
      watchedSinceMs: series.watchedSinceMs,
      snoozedUntilMs: snoozes.get(series.seriesId)?.getTime(),
      earlier: await readEarlier(client, one),
      evidenceOf: ({ startMs }) =>
        evidence.find(({ seriesId, bucketMs }) => seriesId === series.seriesId && bucketMs === startMs)
          ?.items,
    });
    // What is over leaves its place to what opens: only one of a series is open.
    for (const { incident, tellOpened, tellResolved } of changes) {
      let { anomalyId } = incident;
      if (anomalyId === undefined) {
        anomalyId = await insertIncident(client, incident, { watch, series, detector, detectorVersion });
        opened.push(incident);
      } else {
        await updateIncident(client, anomalyId, incident);
      }
      const told = { ...incident, anomalyId, watch, series };
      if (tellOpened) await queueOpened(client, channels, told, nowMs);
      if (tellResolved) await queueResolved(client, told, nowMs);
    }
  }
  return opened;
}

/** Stored points that belong to an incident which opens in this slice. */
async function readEarlier(
  client: pg.ClientBase,
  { series, buckets, fromMs }: JudgedSeries,
): Promise<EarlierPoint[]> {
  const since = buckets.flatMap(({ judgement: { transition } }) =>
    transition.kind === 'opened' && transition.sinceMs < fromMs ? [transition.sinceMs] : [],
  );
  if (since.length === 0) return [];
  const found = await client.query<{
    bucket: Date;
    observed: number | null;
    expected: number | null;
    tail_probability: number;
  }>(
    `select bucket, observed, expected, tail_probability from watch_points
     where series_id = $1 and bucket >= to_timestamp($2 / 1000.0) and bucket < to_timestamp($3 / 1000.0)
     order by bucket`,
    [series.seriesId, Math.min(...since), fromMs],
  );
  return found.rows.map((row) => ({
    startMs: row.bucket.getTime(),
    observed: row.observed,
    expected: row.expected,
    tailProbability: row.tail_probability,
  }));
}

/** Feedback is learned once: what was changed meanwhile is another one, to be learned by the next slice. */
async function noteLearned(client: pg.ClientBase, judged: readonly JudgedSeries[]): Promise<void> {
  const learned = judged.flatMap((one) => one.learned);
  if (learned.length === 0) return;
  const result = await client.query(
    `update anomalies a set learned_feedback = n.feedback
     from unnest($1::bigint[], $2::text[]) as n (anomaly_id, feedback)
     where a.anomaly_id = n.anomaly_id and a.learned_feedback is distinct from n.feedback`,
    [learned.map(({ anomalyId }) => anomalyId), learned.map(({ feedback }) => feedback)],
  );
  if (result.rowCount !== learned.length) {
    throw new StaleWatcherError('Another watcher has learned this feedback.');
  }
}
