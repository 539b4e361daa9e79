import {
  CHECKS,
  countRuleTests,
  documentedName,
  pointConfig,
  provisionPrometheus,
  readDashboards,
  readDocumentedMetrics,
  readRules,
  servedMetrics,
  startPrometheus,
  type QueryContext,
} from '@sluice/monitoring';
import { openClickHouse } from '@sluice/warehouse';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Broker } from '../faults/strike.js';
import { findFreePorts, type StandaloneInstance } from '../instance/standalone-instance.js';
import { wait } from '../client/wait.js';
import { askPanel, hasData, readVariables, type PanelResult, type Row } from './ask-panel.js';
import { createClickHouseReader, openPostgresReader } from './ask-stores.js';
import { interruptLog, makeTrouble, runSteady, sendHistory } from './make-traffic.js';

export interface MonitoringOptions {
  instance: StandaloneInstance;
  /** The log's broker, to be away for a while; undefined on a log that cannot be. */
  broker: Broker | undefined;
  loadSeconds: number;
  eventsPerSecond: number;
  historyEvents: number;
  signal: AbortSignal;
  onProgress: (text: string) => void;
}

export interface MonitoringReport {
  ok: boolean;
  /** Alerts that are shipped, and how many of them are tested to fire and to be silent. */
  alerts: number;
  alertTests: number;
  dashboards: number;
  panels: number;
  panelsWithData: number;
  queries: number;
  metricsDocumented: number;
  metricsServed: number;
  /** What is not as it should be, in words. */
  problems: string[];
  results: PanelResult[];
}

const SCRAPE_SECONDS = 2;
const HISTORY_DAYS = 7;
/** Scrapes after the load, so that its end is seen. */
const AFTER_MS = 6_000;
const LOG_AWAY_MS = 8_000;
const DRAIN_TIMEOUT_MS = 90_000;
const DRAIN_POLL_MS = 500;

/** Runs the shipped rules and dashboards on a real Prometheus that scrapes an instance under load, and asks every panel. */
export async function runMonitoring(options: MonitoringOptions): Promise<MonitoringReport> {
  const { instance, signal, onProgress } = options;
  const problems: string[] = [];
  onProgress('checking rules and their tests');
  const programs = await provisionPrometheus();
  for (const [name, check] of Object.entries(CHECKS)) {
    await check(programs).catch((error: unknown) => problems.push(`${name}: ${String(error)}`));
  }

  const [prometheusPort, loadPort] = (await findFreePorts(2)) as [number, number];
  const { target } = instance;
  const gateway = new URL(target.gatewayUrl).host;
  const worker = new URL(target.apiUrl).host;
  const prometheus = await startPrometheus({
    programs,
    port: prometheusPort,
    config: pointConfig({
      everySeconds: SCRAPE_SECONDS,
      targets: {
        'sluice-gateway': [gateway],
        'sluice-pipeline': [worker],
        'sluice-analytics-api': [worker],
        'sluice-load-test': [`127.0.0.1:${loadPort}`],
      },
    }),
  });
  const dashboards = readDashboards();
  const results = dashboards.flatMap((dashboard) =>
    dashboard.panels
      .filter(({ type }) => type !== 'row')
      .map((panel): PanelResult => ({ dashboard: dashboard.uid, panel, answers: new Map() })),
  );
  let variables: Map<string, Record<string, string>>;
  const served = new Set<string>();
  let fromMs: number;
  let toMs: number;
  const contextOf =
    (dashboard: string) =>
    (source: 'prometheus' | 'postgres' | 'clickhouse'): QueryContext => ({
      // Metrics are as old as the run, the ledger counts by whole minutes, and a week of events was sent.
      fromMs: {
        prometheus: fromMs,
        postgres: fromMs - 180_000,
        clickhouse: toMs - HISTORY_DAYS * 86_400_000,
      }[source],
      toMs,
      intervalSeconds: SCRAPE_SECONDS,
      scrapeSeconds: SCRAPE_SECONDS,
      variables: variables.get(dashboard) ?? {},
    });

  try {
    onProgress(`sending ${options.historyEvents} events of the last week`);
    await sendHistory(target, { events: options.historyEvents, days: HISTORY_DAYS, signal });
    fromMs = Date.now();
    onProgress(`${options.loadSeconds} s of load, refusals, repetitions and questions`);
    const trouble = new AbortController();
    const troubled = makeTrouble(
      target,
      (await instance.state()).adminKey,
      AbortSignal.any([signal, trouble.signal]),
    );
    const loaded = runSteady(target, {
      eventsPerSecond: options.eventsPerSecond,
      seconds: options.loadSeconds,
      metricsPort: loadPort,
      signal,
    }).catch((error: unknown) => void problems.push(String(error)));
    const { broker } = options;
    const interrupted =
      broker === undefined
        ? Promise.resolve()
        : wait((options.loadSeconds * 1_000) / 3, signal).then(() =>
            interruptLog(broker, LOG_AWAY_MS, signal),
          );
    // While the load still runs, its own metrics can be had.
    await wait((options.loadSeconds - 5) * 1_000, signal);
    for (const address of [gateway, worker, `127.0.0.1:${loadPort}`]) {
      try {
        const answer = await fetch(`http://${address}/metrics`);
        for (const name of servedMetrics(await answer.text())) served.add(name);
      } catch (error) {
        problems.push(`http://${address}/metrics does not answer: ${String(error)}`);
      }
    }
    for (const { job, up, error } of await prometheus.targets()) {
      if (!up) problems.push(`Prometheus could not scrape ${job}: ${error}`);
    }
    await loaded;
    await interrupted;
    trouble.abort();
    await troubled;
    if (!(await untilDrained(gateway, signal))) {
      problems.push(`the spool was not drained within ${DRAIN_TIMEOUT_MS / 1_000} s of the load's end`);
    }
    await wait(AFTER_MS, signal);
    toMs = Date.now();

    onProgress('asking Prometheus and Postgres');
    problems.push(
      ...(await prometheus.brokenRules()).map((rule) => `a rule could not be evaluated: ${rule}`),
    );
    const postgres = await openPostgresReader(await postgresUrl(instance.dataDir));
    try {
      variables = await readAllVariables(dashboards, postgres.ask);
      for (const result of results) {
        await askPanel(result, { prometheus, postgres: postgres.ask }, contextOf(result.dashboard));
      }
    } finally {
      await postgres.close();
    }
  } finally {
    await prometheus.stop();
  }

  onProgress('asking ClickHouse');
  // The embedded engine lives in one process at a time: that of the instance makes room.
  await instance.stop();
  const clickhouse = await openClickHouse(`embedded:${join(instance.dataDir, 'clickhouse')}`);
  try {
    const ask = createClickHouseReader(clickhouse);
    for (const result of results) await askPanel(result, { clickhouse: ask }, contextOf(result.dashboard));
  } finally {
    await clickhouse.close();
  }

  const documented = readDocumentedMetrics();
  const servedAndDocumented = new Set<string>();
  for (const name of served) {
    const known = documentedName(name, documented);
    if (known === undefined) problems.push(`docs/METRICS.md does not tell of ${name}`);
    else servedAndDocumented.add(known);
  }
  for (const name of documented) {
    if (!servedAndDocumented.has(name)) problems.push(`nobody serves ${name}`);
  }
  for (const result of results) problems.push(...problemsOf(result));
  const { alerts } = readRules();
  const tests = countRuleTests();
  const tested = alerts.filter(({ alert }) => {
    const { fires = 0, silent = 0 } = tests.get(alert) ?? {};
    return fires > 0 && silent > 0;
  });
  return {
    ok: problems.length === 0 && tested.length === alerts.length,
    alerts: alerts.length,
    alertTests: tested.length,
    dashboards: dashboards.length,
    panels: results.length,
    panelsWithData: results.filter(hasData).length,
    queries: results.reduce((sum, { panel }) => sum + panel.targets.length, 0),
    metricsDocumented: documented.size,
    metricsServed: servedAndDocumented.size,
    problems,
    results,
  };
}

/** False when messages still wait on the gateway's disk at the end of the time. */
async function untilDrained(gateway: string, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + DRAIN_TIMEOUT_MS;
  while (Date.now() < deadline && !signal.aborted) {
    const answer = await fetch(`http://${gateway}/metrics`);
    if (/^sluice_gateway_spool_messages 0$/m.test(await answer.text())) return true;
    await wait(DRAIN_POLL_MS, signal);
  }
  return false;
}

async function readAllVariables(
  dashboards: ReturnType<typeof readDashboards>,
  postgres: (sql: string) => Promise<Row[]>,
): Promise<Map<string, Record<string, string>>> {
  const variables = new Map<string, Record<string, string>>();
  for (const dashboard of dashboards) {
    variables.set(dashboard.uid, await readVariables(dashboard, postgres));
  }
  return variables;
}

function problemsOf(result: PanelResult): string[] {
  const { dashboard, panel, answers } = result;
  return panel.targets.flatMap(({ refId }) => {
    const answer = answers.get(refId);
    const where = `${dashboard}, ${panel.title}, query ${refId}`;
    if (answer === undefined) return [`${where}: was not asked`];
    if (answer instanceof Error) return [`${where}: ${answer.message}`];
    const isEmpty = answer.kind === 'series' ? answer.series.length === 0 : answer.rows.length === 0;
    return isEmpty ? [`${where}: no data`] : [];
  });
}

async function postgresUrl(dataDir: string): Promise<string> {
  const state = JSON.parse(await readFile(join(dataDir, 'sluice.json'), 'utf8')) as { postgresUrl: string };
  return state.postgresUrl;
}
