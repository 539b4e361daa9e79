import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import { wait } from '../client/wait.js';
import { prometheusConfigHere } from './prometheus-config.js';
import { createServiceProcess, type ServiceProcess } from './service-process.js';

export interface PrometheusOptions {
  /** Folder of the shipped configuration, with `prometheus.yml`. */
  configDir: string;
  dataDir: string;
  port: number;
  /** As of `prometheusConfigHere`. */
  targets: ReadonlyMap<string, readonly string[]>;
  logFile: string;
}

export interface PrometheusReport {
  targetsUp: number;
  targetsDown: string[];
  rules: number;
  /** Rules that could not be evaluated: name and error. */
  failedRules: string[];
}

const SCRAPE_INTERVAL_SECONDS = 1;
const PATIENCE_MS = 20_000;

const targetsAnswer = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ scrapeUrl: z.string(), health: z.string(), lastError: z.string() })),
  }),
});
const rulesAnswer = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })),
      }),
    ),
  }),
});

/** The program on PATH; undefined where it is not installed. */
export function findPrometheus(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'prometheus');
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}

/** Runs Prometheus with the shipped configuration; resolves when it is ready. */
export async function startPrometheus(program: string, options: PrometheusOptions): Promise<ServiceProcess> {
  await mkdir(options.dataDir, { recursive: true });
  const shipped = await readFile(join(options.configDir, 'prometheus.yml'), 'utf8');
  const configFile = join(options.dataDir, 'prometheus.yml');
  await writeFile(
    configFile,
    prometheusConfigHere(shipped, {
      folder: options.configDir,
      targets: options.targets,
      scrapeIntervalSeconds: SCRAPE_INTERVAL_SECONDS,
    }),
  );
  const server = createServiceProcess({
    name: 'prometheus',
    command: [
      program,
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(options.dataDir, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${options.port}`,
    ],
    cwd: options.dataDir,
    environment: {},
    logFile: options.logFile,
    readyUrl: `http://127.0.0.1:${options.port}/-/ready`,
  });
  await server.start();
  return server;
}

/** What it sees; waits for a moment until every target is up and every rule was evaluated. */
export async function askPrometheus(port: number): Promise<PrometheusReport> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const targets = (await ask(port, 'targets?state=active', targetsAnswer)).data.activeTargets;
    const rules = (await ask(port, 'rules', rulesAnswer)).data.groups.flatMap((group) => group.rules);
    const report: PrometheusReport = {
      targetsUp: targets.filter(({ health }) => health === 'up').length,
      targetsDown: targets
        .filter(({ health }) => health !== 'up')
        .map(({ scrapeUrl, lastError }) => `${scrapeUrl}: ${lastError}`),
      rules: rules.length,
      failedRules: rules
        .filter(({ health }) => health !== 'ok')
        .map(({ name, health, lastError }) => `${name}: ${lastError ?? health}`),
    };
    const isWell = report.targetsDown.length === 0 && report.failedRules.length === 0;
    if (isWell || Date.now() > deadlineMs) return report;
    await wait(500);
  }
}

async function ask<S extends z.ZodType>(port: number, path: string, schema: S): Promise<z.infer<S>> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
  return schema.parse(await answer.json());
}
