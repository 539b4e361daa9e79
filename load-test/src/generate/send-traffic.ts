import { deliver } from '../client/deliver.js';
import type { GatewayClient } from '../client/gateway-client.js';
import { createLatencyRecorder, type LatencySummary } from '../shapes/latency.js';
import type { LoadMetrics } from '../shapes/load-metrics.js';
import { runOpenLoop } from '../shapes/open-loop.js';
import { steady } from '../shapes/schedule.js';
import type { TrafficMessage } from './message.js';

export interface SendTrafficOptions {
  client: GatewayClient;
  messages: Iterator<TrafficMessage, unknown>;
  events: number;
  eventsPerSecond: number;
  /** Messages of one request. */
  batchSize: number;
  /** Gives each message the instant of its sending for a timestamp. */
  live: boolean;
  signal?: AbortSignal;
  onProgress?: (report: TrafficReport) => void;
  metrics?: Pick<LoadMetrics, 'begin' | 'answered'> | undefined;
}

export interface TrafficReport {
  /** Messages sent. */
  sent: number;
  accepted: number;
  /** Messages the gateway gave a coded no. */
  rejected: number;
  /** Messages whose request was refused or never answered. */
  failed: number;
  /** accepted / sent, 0 to 1. */
  successRate: number;
  requests: number;
  /** Requests sent again after a lost answer or a passing fault. */
  retries: number;
  /** Bytes of all bodies, each counted once. */
  bytes: number;
  elapsedMs: number;
  /** Accepted messages per second. */
  eventsPerSecond: number;
  /** Milliseconds from when a request was due to its final answer, retries included. */
  latencyMs: LatencySummary;
  /** Why messages were rejected or failed: code → how many. */
  reasons: Record<string, number>;
}

const GIVE_UP_AFTER_MS = 30_000;
const MAX_IN_FLIGHT = 32;

/** Sends the messages in order at a steady rate, and says what became of them. */
export async function sendTraffic(options: SendTrafficOptions): Promise<TrafficReport> {
  const { client, messages, batchSize, live, signal } = options;
  const latency = createLatencyRecorder();
  const totals = { sent: 0, accepted: 0, rejected: 0, failed: 0, requests: 0, retries: 0, bytes: 0 };
  const reasons: Record<string, number> = {};
  const count = (reason: string, messagesOfIt: number): void => {
    reasons[reason] = (reasons[reason] ?? 0) + messagesOfIt;
  };
  const startedAt = performance.now();

  const report = (): TrafficReport => {
    const elapsedMs = performance.now() - startedAt;
    return {
      ...totals,
      successRate: totals.sent === 0 ? 0 : totals.accepted / totals.sent,
      elapsedMs: Math.round(elapsedMs),
      eventsPerSecond: Math.round((totals.accepted / elapsedMs) * 10_000) / 10,
      latencyMs: latency.summary(),
      reasons: { ...reasons },
    };
  };

  async function sendNext(messagesWanted: number): Promise<void> {
    const nowMs = Date.now();
    const batch: TrafficMessage[] = [];
    while (batch.length < messagesWanted) {
      const next = messages.next();
      if (next.done === true) break;
      batch.push(live ? { ...next.value, timestamp: new Date(nowMs).toISOString() } : next.value);
    }
    if (batch.length === 0) return;
    const body = Buffer.from(JSON.stringify({ sentAt: new Date(nowMs).toISOString(), batch }));
    totals.sent += batch.length;
    totals.requests++;
    totals.bytes += body.length;
    const delivery = await deliver(client, body, {
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    totals.retries += delivery.attempts - 1;
    if (delivery.kind === 'delivered') {
      totals.accepted += delivery.answer.accepted;
      totals.rejected += delivery.answer.rejected.length;
      for (const rejection of delivery.answer.rejected) count(rejection.code, 1);
    } else {
      totals.failed += batch.length;
      count(delivery.reason, batch.length);
    }
    options.onProgress?.(report());
  }

  const schedule = steady({
    eventsPerSecond: options.eventsPerSecond,
    durationMs: (options.events / options.eventsPerSecond) * 1_000,
  });
  options.metrics?.begin(schedule);
  await runOpenLoop({
    schedule,
    batchSize,
    maxInFlight: MAX_IN_FLIGHT,
    latency,
    serviceTime: createLatencyRecorder(),
    onAnswered: (latencyMs) => options.metrics?.answered(latencyMs),
    ...(signal === undefined ? {} : { signal }),
    send: (_first, wanted) => sendNext(wanted),
  });
  return report();
}
