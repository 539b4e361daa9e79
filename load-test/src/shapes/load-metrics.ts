import { createMetricsRegistry } from '@sluice/service-kit';
import { createServer } from 'node:http';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Schedule } from './schedule.js';

/** What load looks like from where it is made. */
export interface LoadMetrics {
  /** The schedule begins now. */
  begin(schedule: Schedule): void;
  /** A request was answered for good, or given up. `waitedMs`: since it was due. */
  answered(waitedMs: number): void;
  /** Port that `/metrics` answers on. */
  readonly port: number;
  close(): Promise<void>;
}

/** How messages fared, as the sender counts them. */
export interface LoadCounts {
  sent: number;
  accepted: number;
  rejected: number;
  failed: number;
}

/** The rate is read off the schedule over so long, milliseconds. */
const RATE_OVER_MS = 1_000;

/**
 * Serves the metrics of load on a port of all addresses; 0 takes a free one. What was counted is read at every scrape, so
 * that sending pays nothing for it.
 * @throws Error when the port is taken.
 */
export async function serveLoadMetrics(port: number, read: () => LoadCounts): Promise<LoadMetrics> {
  const registry = createMetricsRegistry('load');
  const registers = [registry];
  const counter = (name: string, help: string, value: (counts: LoadCounts) => number): void => {
    new Counter({
      name: `sluice_load_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value(read()));
      },
    });
  };
  counter('sent', 'Messages sent, each once.', ({ sent }) => sent);
  counter('accepted', 'Messages that the gateway accepted.', ({ accepted }) => accepted);
  counter('rejected', 'Messages that the gateway rejected.', ({ rejected }) => rejected);
  counter('failed', 'Messages given up, after retries.', ({ failed }) => failed);
  const seconds = new Histogram({
    name: 'sluice_load_request_seconds',
    help: 'From when a request was due to its final answer.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  let begun: { schedule: Schedule; atMs: number } | undefined;
  new Gauge({
    name: 'sluice_load_target_events_per_second',
    help: 'What the schedule asks for now.',
    registers,
    collect() {
      this.set(begun === undefined ? 0 : rateAt(begun.schedule, performance.now() - begun.atMs));
    },
  });

  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  server.unref();
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    begin(schedule) {
      begun = { schedule, atMs: performance.now() };
    },
    answered(waitedMs) {
      seconds.observe(waitedMs / 1_000);
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Events a second that a schedule asks for at an instant, milliseconds from its start; 0 when it is over. */
export function rateAt(schedule: Schedule, atMs: number): number {
  if (atMs < 0 || atMs >= schedule.durationMs) return 0;
  const fromMs = Math.max(0, Math.min(atMs, schedule.durationMs - RATE_OVER_MS));
  const toMs = Math.min(schedule.durationMs, fromMs + RATE_OVER_MS);
  return ((firstDueFrom(schedule, toMs) - firstDueFrom(schedule, fromMs)) / (toMs - fromMs)) * 1_000;
}

/** The number of the first event that is due at an instant or later. */
function firstDueFrom(schedule: Schedule, atMs: number): number {
  let low = 0;
  let high = schedule.total;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (schedule.dueAt(middle) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
