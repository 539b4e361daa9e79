import { createLatencyRecorder, type LatencySummary } from './latency.js';
import type { LoadMetrics } from './load-metrics.js';
import type { LoadTotals, NumberedLoad } from './numbered-load.js';
import { runOpenLoop } from './open-loop.js';
import type { Schedule } from './schedule.js';
import { alignedLines, bytesText, latencyText, numberText, percentText, reasonsText } from './text.js';

export interface LoadReport extends LoadTotals {
  shape: string;
  elapsedMs: number;
  /** Accepted messages per second. */
  eventsPerSecond: number;
  successRate: number;
  /** Milliseconds from when a request was due to its final answer (coordinated omission corrected). */
  latencyMs: LatencySummary;
  /** Milliseconds from when a request was really sent to its final answer. */
  serviceTimeMs: LatencySummary;
  /** How late the latest request left: when large, this machine could not keep the schedule. */
  worstLagMs: number;
}

export interface LoadProgress {
  elapsedMs: number;
  accepted: number;
  eventsPerSecond: number;
  latencyMs: LatencySummary;
}

export interface RunLoadOptions {
  load: NumberedLoad;
  schedule: Schedule;
  batchSize: number;
  maxInFlight: number;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
  metrics?: Pick<LoadMetrics, 'begin' | 'answered'> | undefined;
}

const PROGRESS_EVERY_MS = 500;

/** Puts a schedule of numbered messages on the gateway and reports. */
export async function runLoad(options: RunLoadOptions): Promise<LoadReport> {
  const { load, schedule, batchSize, maxInFlight, signal, metrics } = options;
  const latency = createLatencyRecorder();
  const serviceTime = createLatencyRecorder();
  const startedAt = performance.now();
  const progress = setInterval(() => {
    const elapsedMs = performance.now() - startedAt;
    options.onProgress?.({
      elapsedMs,
      accepted: load.totals.accepted,
      eventsPerSecond: Math.round((load.totals.accepted / elapsedMs) * 1_000),
      latencyMs: latency.summary(),
    });
  }, PROGRESS_EVERY_MS);
  try {
    metrics?.begin(schedule);
    const run = await runOpenLoop({
      schedule,
      batchSize,
      maxInFlight,
      latency,
      serviceTime,
      onAnswered: (latencyMs) => metrics?.answered(latencyMs),
      send: (first, count) => load.send(first, count),
      ...(signal === undefined ? {} : { signal }),
    });
    const { totals } = load;
    return {
      ...totals,
      shape: schedule.description,
      elapsedMs: Math.round(run.elapsedMs),
      eventsPerSecond: Math.round((totals.accepted / run.elapsedMs) * 10_000) / 10,
      successRate: totals.sent === 0 ? 0 : totals.accepted / totals.sent,
      latencyMs: latency.summary(),
      serviceTimeMs: serviceTime.summary(),
      worstLagMs: Math.round(run.worstLagMs),
    };
  } finally {
    clearInterval(progress);
  }
}

export function progressText({ elapsedMs, accepted, eventsPerSecond, latencyMs }: LoadProgress): string {
  return (
    `${(elapsedMs / 1_000).toFixed(0)} s · ${numberText(accepted)} accepted (${numberText(eventsPerSecond)}/s) · ` +
    latencyText(latencyMs)
  );
}

export function loadReportText(report: LoadReport): string {
  return alignedLines([
    ['shape', report.shape],
    ['events sent', numberText(report.sent)],
    [
      'success rate',
      `${percentText(report.successRate)} (${numberText(report.accepted)} accepted, ${numberText(report.rejected)} rejected, ${numberText(report.failed)} failed)${reasonsText(report.reasons)}`,
    ],
    [
      'throughput',
      `${numberText(report.eventsPerSecond)} events/s over ${(report.elapsedMs / 1_000).toFixed(1)} s, ${numberText(report.requests)} requests`,
    ],
    ['bytes', bytesText(report.bytes)],
    ['latency', `${latencyText(report.latencyMs)} (from when it was due)`],
    ['service time', `${latencyText(report.serviceTimeMs)} (from when it was sent)`],
    ['worst lag', `${numberText(report.worstLagMs)} ms behind the schedule`],
  ]);
}
