import { SLUICE, type Row } from './row.js';

/** What Sluice promises of every row. */
export const PROMISES = { requestsInOutage: 3, syncMicros: 50 } as const;

export interface Judgement {
  ok: boolean;
  lost: number;
  duplicatedAfterLanding: number;
  maxRequestsInOutage: number;
  /** Microseconds per `track()`: the largest of the rows' best repetitions. */
  maxSyncMicros: number;
  /** Each broken promise in words. */
  broken: string[];
}

/** Judges Sluice's rows; peers' rows are for comparison. A run without any row of Sluice is not ok. */
export function judge(rows: readonly Row[]): Judgement {
  const ours = rows.filter((row) => row.sdk === SLUICE);
  const broken = ours.flatMap((row) => brokenPromises(row).map((what) => `${row.place} ${row.row}: ${what}`));
  return {
    ok: ours.length > 0 && broken.length === 0,
    lost: sum(ours.map((row) => Math.max(0, row.expected - row.distinct))),
    duplicatedAfterLanding: sum(ours.map((row) => row.copiesAfterLanding ?? 0)),
    maxRequestsInOutage: Math.max(0, ...ours.map((row) => row.requestsInOutage ?? 0)),
    maxSyncMicros: Math.max(0, ...ours.flatMap((row) => bestSyncMicros(row) ?? [])),
    broken,
  };
}

/** The best repetition: what the code takes when the machine does nothing else. Undefined where it is not measured. */
export function bestSyncMicros(row: Row): number | undefined {
  return row.syncMicros.length === 0 ? undefined : Math.min(...row.syncMicros);
}

function brokenPromises(row: Row): string[] {
  const broken = [...row.broken];
  if (row.distinct < row.expected)
    broken.push(`${row.expected - row.distinct} of ${row.expected} events lost`);
  if (row.copiesAfterLanding === null) broken.push('not looked up in the stores');
  else if (row.copiesAfterLanding > 0) broken.push(`${row.copiesAfterLanding} copies after landing`);
  if ((row.requestsInOutage ?? 0) > PROMISES.requestsInOutage) {
    broken.push(
      `${row.requestsInOutage ?? 0} requests during the outage, at most ${PROMISES.requestsInOutage}`,
    );
  }
  const micros = bestSyncMicros(row) ?? 0;
  if (micros > PROMISES.syncMicros) {
    broken.push(`${micros} µs per track at best, at most ${PROMISES.syncMicros}`);
  }
  return broken;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
