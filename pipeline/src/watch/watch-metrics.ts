import { Counter, Gauge, type Registry } from 'prom-client';

export type WatchMetrics = ReturnType<typeof createWatchMetrics>;

/** Metrics of watching and notifying. What is measured is of all projects together. */
export function createWatchMetrics(registry: Registry, now: () => number) {
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
  return {
    flags: new Counter({
      name: 'sluice_watch_flags_total',
      help: 'Anomalies that opened as they happened, by severity.',
      labelNames: ['severity'],
      registers,
    }),
    failures: new Counter({
      name: 'sluice_watch_failures_total',
      help: 'Looks at a watch that failed and are repeated.',
      registers,
    }),
    deliveries: new Counter({
      name: 'sluice_notify_attempts_total',
      help: 'Attempts to deliver a notification, by kind of channel and outcome.',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    /** Every project was looked at. */
    notePass(of: { series: number; lagMs: number }): void {
      lastPassMs = now();
      series.set(of.series);
      lag.set(Math.max(0, of.lagMs / 1_000));
    },
  };
}
