import type { WatchBucket } from '@sluice/analytics-api/watched';
import type { Direction, Verdict } from '@sluice/models/anomaly';
import type { Severity } from '../notify/severity.js';
import type { JudgedBucket } from './judge-series.js';
import { severityOf, surpriseOf, worseOf, type Extent } from './severity.js';

export type AnomalyState = 'open' | 'acknowledged' | 'resolved' | 'suppressed';

/** Which value of a field explains a part of a change. */
export interface EvidenceItem {
  field: string;
  value: string;
  observed: number;
  expected: number;
  /** Share of the whole change; of values of one field they add up to about 1. */
  share: number;
}

export interface Peak {
  startMs: number;
  observed: number;
  expected: number;
  surprise: number;
}

/** An incident of a series: a row of `anomalies`. */
export interface Incident {
  /** Undefined until it is stored. */
  anomalyId: number | undefined;
  bucketMs: number;
  sinceMs: number;
  observed: number;
  expected: number;
  lower: number;
  upper: number;
  score: number;
  surprise: number;
  direction: Direction;
  severity: Severity;
  state: AnomalyState;
  suppressedBy: string | undefined;
  isBackfilled: boolean;
  openedMs: number;
  lastSeenMs: number;
  resolvedMs: number | undefined;
  peak: Peak;
  extent: Extent;
  /** Undefined: not known. */
  evidence: EvidenceItem[] | undefined;
}

/** An incident that this slice has changed, and what there is to tell of it. */
export interface ChangedIncident {
  incident: Incident;
  /** It opened, became worse, or came out of its snooze: who is to be told of its severity and was not, is told. */
  tellOpened: boolean;
  tellResolved: boolean;
}

/** A bucket before the slice, as it was stored. */
export interface EarlierPoint {
  startMs: number;
  observed: number | null;
  expected: number | null;
  tailProbability: number;
}

export interface FoldContext {
  watchedSinceMs: number;
  snoozedUntilMs: number | undefined;
  /** Points from `sinceMs` up to the slice. */
  earlier: readonly EarlierPoint[];
  evidenceOf(bucket: WatchBucket): EvidenceItem[] | undefined;
}

/**
 * What becomes of the incidents of a series in a slice, bucket by bucket: how the history is cut into slices makes no
 * difference.
 *
 * States: `opened` makes one, open, or suppressed while the series is snoozed; one that outlasts its snooze opens.
 * Somebody may acknowledge it. `resolved` ends it, whatever it was.
 */
export function foldIncidents(
  open: Incident | undefined,
  buckets: readonly JudgedBucket[],
  context: FoldContext,
): ChangedIncident[] {
  const changed = new Map<Incident, ChangedIncident>();
  const change = (incident: Incident): ChangedIncident => {
    const known = changed.get(incident) ?? { incident, tellOpened: false, tellResolved: false };
    changed.set(incident, known);
    return known;
  };
  let current = open === undefined ? undefined : { ...open };

  for (const [index, bucket] of buckets.entries()) {
    const { transition } = bucket.judgement;
    switch (transition.kind) {
      case 'none':
        break;
      case 'opened': {
        // An incident that is still open belongs to a monitor that began anew.
        if (current !== undefined) resolve(current, bucket);
        current = openIncident(bucket, transition, buckets.slice(0, index), context);
        change(current).tellOpened = current.state === 'open' && !current.isBackfilled;
        break;
      }
      case 'continued':
        if (current !== undefined) proceed(current, bucket);
        break;
      case 'resolved':
        if (current !== undefined) resolve(current, bucket);
        current = undefined;
        break;
    }
  }
  return [...changed.values()];

  function proceed(incident: Incident, bucket: JudgedBucket): void {
    const { verdict } = bucket.judgement;
    const isOver = incident.suppressedBy === 'snoozed' && !isSnoozed(bucket, context);
    if (incident.state === 'suppressed' && isOver) {
      incident.state = 'open';
      incident.suppressedBy = undefined;
      change(incident).tellOpened = !incident.isBackfilled;
    }
    if (!verdict.isAnomalous || verdict.observed === null || verdict.expected === null) return;
    const surprise = surpriseOf(verdict.tailProbability);
    incident.lastSeenMs = bucket.endMs;
    if (surprise > incident.peak.surprise) {
      const { observed, expected } = verdict;
      incident.peak = { startMs: bucket.startMs, observed, expected, surprise };
    }
    incident.extent = added(incident.extent, verdict);
    const severity = worseOf(incident.severity, severityOf(incident.extent, incident.peak.surprise));
    const known = change(incident);
    if (severity !== incident.severity) {
      incident.severity = severity;
      if (incident.state === 'open' && !incident.isBackfilled) known.tellOpened = true;
    }
  }

  function resolve(incident: Incident, bucket: WatchBucket): void {
    incident.state = 'resolved';
    incident.resolvedMs = bucket.endMs;
    change(incident).tellResolved = !incident.isBackfilled;
  }
}

function isSnoozed({ endMs }: WatchBucket, { snoozedUntilMs }: FoldContext): boolean {
  return snoozedUntilMs !== undefined && endMs <= snoozedUntilMs;
}

function openIncident(
  bucket: JudgedBucket,
  { direction, sinceMs }: { direction: Direction; sinceMs: number },
  before: readonly JudgedBucket[],
  context: FoldContext,
): Incident {
  const { verdict } = bucket.judgement;
  const { observed, expected, lower, upper } = verdict;
  if (observed === null || expected === null || lower === null || upper === null) {
    throw new Error('A monitor opened an incident at a bucket of which it knows nothing.');
  }
  const surprise = surpriseOf(verdict.tailProbability);
  let peak: Peak = { startMs: bucket.startMs, observed, expected, surprise };
  let extent = added({ buckets: 0, observedSum: 0, expectedSum: 0, surpriseSum: 0 }, verdict);
  const earlier: EarlierPoint[] = [
    ...context.earlier,
    ...before.map(({ startMs, judgement }) => ({ ...judgement.verdict, startMs })),
  ].filter(({ startMs }) => startMs >= sinceMs);
  for (const point of earlier) {
    if (point.observed === null || point.expected === null) continue;
    extent = added(extent, point);
    const itsSurprise = surpriseOf(point.tailProbability);
    if (itsSurprise > peak.surprise) {
      peak = {
        startMs: point.startMs,
        observed: point.observed,
        expected: point.expected,
        surprise: itsSurprise,
      };
    }
  }
  const snoozed = isSnoozed(bucket, context);
  return {
    anomalyId: undefined,
    bucketMs: bucket.startMs,
    sinceMs,
    observed,
    expected,
    lower,
    upper,
    score: 1 - verdict.tailProbability,
    surprise,
    direction,
    severity: severityOf(extent, peak.surprise),
    state: snoozed ? 'suppressed' : 'open',
    suppressedBy: snoozed ? 'snoozed' : undefined,
    isBackfilled: bucket.startMs < context.watchedSinceMs,
    openedMs: bucket.endMs,
    lastSeenMs: bucket.endMs,
    resolvedMs: undefined,
    peak,
    extent,
    evidence: context.evidenceOf(bucket),
  };
}

type Seen = Pick<Verdict, 'observed' | 'expected' | 'tailProbability'>;

function added(extent: Extent, { observed, expected, tailProbability }: Seen): Extent {
  if (observed === null || expected === null) return extent;
  return {
    buckets: extent.buckets + 1,
    observedSum: extent.observedSum + observed,
    expectedSum: extent.expectedSum + expected,
    surpriseSum: extent.surpriseSum + surpriseOf(tailProbability),
  };
}
