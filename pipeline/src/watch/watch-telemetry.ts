import { CHANNEL_KINDS, SEVERITIES } from '@sluice/contracts';
import type { Logger } from '@sluice/service-kit';
import { Counter, Gauge, type Registry } from 'prom-client';
import { OUTCOMES, type Outcome } from '../notify/outcome.js';
import type { Severity } from '../notify/severity.js';
import { StaleWatcherError } from './watch-rows.js';

/** What of watching and notifying can be observed, each moment named once. What is measured is of all projects together. */
export interface WatchTelemetry {
  /** Every project was looked at. */
  passEnded(of: { series: number; lagMs: number }): void;
  /** No project could be looked at; it is tried again. */
  passFailed(error: unknown): void;
  /** A project could not be looked at; it is tried again. */
  projectFailed(projectId: number, error: unknown): void;
  /** A watch could not be asked; it is tried again. */
  watchFailed(watch: WatchName, error: unknown): void;
  /** Series of a watch could not be looked for; it is tried again. */
  searchFailed(watch: WatchName, error: unknown): void;
  /** An anomaly opened as it happened. */
  anomalyOpened(
    watch: WatchName,
    anomaly: { severity: Severity; direction: string | null; state: string },
  ): void;
  /** A notification was tried to be delivered. */
  deliveryTried(channel: string, outcome: Outcome['kind']): void;
}

interface WatchName {
  projectId: number;
  name: string;
}

export function createWatchTelemetry(logger: Logger, registry: Registry, now: () => number): WatchTelemetry {
  const registers = [registry];
  const startedMs = now();
  let lastPassMs: number | undefined;
  new Gauge({
    name: 'sluice_watch_last_pass_age_seconds',
    help: 'Time since the watcher last looked at every project; since it started while it has not.',
    registers,
    collect() {
      this.set(Math.max(0, (now() - (lastPassMs ?? startedMs)) / 1_000));
    },
  });
  const series = new Gauge({
    name: 'sluice_watch_series',
    help: 'Series that this watcher last saw to.',
    registers,
  });
  const lag = new Gauge({
    name: 'sluice_watch_lag_seconds',
    help: 'How long the next bucket of the series that is furthest behind has been due.',
    registers,
  });
  const flags = new Counter({
    name: 'sluice_watch_flags_total',
    help: 'Anomalies that opened as they happened, by severity.',
    labelNames: ['severity'],
    registers,
  });
  const failures = new Counter({
    name: 'sluice_watch_failures_total',
    help: 'Looks that failed and are repeated.',
    registers,
  });
  const deliveries = new Counter({
    name: 'sluice_notify_attempts_total',
    help: 'Attempts to deliver a notification, by kind of channel and outcome.',
    labelNames: ['channel', 'outcome'],
    registers,
  });
  for (const severity of SEVERITIES) flags.labels(severity);
  for (const channel of CHANNEL_KINDS) for (const outcome of OUTCOMES) deliveries.labels(channel, outcome);

  return {
    passEnded(of) {
      lastPassMs = now();
      series.set(of.series);
      lag.set(Math.max(0, of.lagMs / 1_000));
    },
    passFailed(error) {
      failures.inc();
      logger.warn({ err: error }, 'watches could not be looked at');
    },
    projectFailed(projectId, error) {
      failures.inc();
      const what =
        error instanceof StaleWatcherError
          ? 'it was deleted, or another watcher was faster'
          : 'watching failed';
      logger.warn({ err: error, projectId }, `${what}; it is tried again`);
    },
    watchFailed({ projectId, name }, error) {
      failures.inc();
      logger.warn({ err: error, projectId, watch: name }, 'a watch could not be asked; it is tried again');
    },
    searchFailed({ projectId, name }, error) {
      failures.inc();
      logger.warn({ err: error, projectId, watch: name }, 'series could not be looked for');
    },
    anomalyOpened({ projectId, name }, { severity, direction, state }) {
      flags.labels(severity).inc();
      logger.info({ projectId, watch: name, severity, direction, state }, 'an anomaly opened');
    },
    deliveryTried(channel, outcome) {
      deliveries.labels(channel, outcome).inc();
    },
  };
}
