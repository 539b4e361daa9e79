import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { PrometheusPrograms } from './provision-prometheus.js';

export interface Sample {
  labels: Readonly<Record<string, string>>;
  /** Unix seconds and values; those that are no number are left out. */
  points: readonly (readonly [seconds: number, value: number])[];
}

export interface RangeQuery {
  fromMs: number;
  toMs: number;
  stepSeconds: number;
}

export interface PrometheusServer {
  readonly url: string;
  /** The series of an expression, each with its points. @throws Error with what Prometheus objects to. */
  queryRange(expression: string, range: RangeQuery): Promise<Sample[]>;
  query(expression: string, atMs: number): Promise<Sample[]>;
  /** Jobs whose targets were all scraped, and what went wrong with the others. */
  targets(): Promise<{ job: string; up: boolean; error: string }[]>;
  /** Rules that could not be evaluated. */
  brokenRules(): Promise<string[]>;
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 100;
const STOP_TIMEOUT_MS = 10_000;

const pointSchema = z.tuple([z.number(), z.string()]);
const querySchema = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: pointSchema.optional(),
        values: z.array(pointSchema).optional(),
      }),
    ),
  }),
});
const targetsSchema = z.object({
  data: z.object({
    activeTargets: z.array(
      z.object({ labels: z.record(z.string(), z.string()), health: z.string(), lastError: z.string() }),
    ),
  }),
});
const rulesSchema = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })),
      }),
    ),
  }),
});

/** A Prometheus of our own: in a temporary directory, on the port given, gone with the process that started it. */
export async function startPrometheus(options: {
  programs: PrometheusPrograms;
  config: string;
  port: number;
}): Promise<PrometheusServer> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  const configFile = join(dir, 'prometheus.yml');
  const logFile = join(dir, 'prometheus.log');
  await writeFile(configFile, options.config);
  const log = openSync(logFile, 'a');
  const url = `http://127.0.0.1:${options.port}`;
  const child = spawn(
    options.programs.prometheus,
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${options.port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const killNow = (): void => void child.kill('SIGKILL');
  process.on('exit', killNow);

  async function ask<T>(path: string, parameters: Record<string, string>, schema: z.ZodType<T>): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const body: unknown = await response.json();
    if (!response.ok) {
      throw new Error((body as { error?: string }).error ?? `HTTP ${response.status}`);
    }
    return schema.parse(body);
  }

  async function stop(): Promise<void> {
    process.off('exit', killNow);
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const force = setTimeout(killNow, STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(force);
    }
    await rm(dir, { recursive: true, force: true });
  }

  try {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await isReady(url))) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        throw new Error(`Prometheus did not start:\n${await readFile(logFile, 'utf8')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    async queryRange(query, { fromMs, toMs, stepSeconds }) {
      const answer = await ask(
        'query_range',
        { query, start: String(fromMs / 1_000), end: String(toMs / 1_000), step: String(stepSeconds) },
        querySchema,
      );
      return samplesOf(answer);
    },
    async query(query, atMs) {
      return samplesOf(await ask('query', { query, time: String(atMs / 1_000) }, querySchema));
    },
    async targets() {
      const { data } = await ask('targets', { state: 'active' }, targetsSchema);
      return data.activeTargets.map(({ labels, health, lastError }) => ({
        job: labels['job'] ?? '',
        up: health === 'up',
        error: lastError,
      }));
    },
    async brokenRules() {
      const { data } = await ask('rules', {}, rulesSchema);
      return data.groups
        .flatMap(({ rules }) => rules)
        .filter(({ health }) => health === 'err')
        .map(({ name, lastError = '' }) => `${name}: ${lastError}`);
    },
    stop,
  };
}

function samplesOf({ data }: z.infer<typeof querySchema>): Sample[] {
  return data.result
    .map(({ metric, value, values }) => ({
      labels: metric,
      points: (values ?? (value === undefined ? [] : [value]))
        .map(([seconds, text]): [number, number] => [seconds, Number(text)])
        .filter(([, number]) => Number.isFinite(number)),
    }))
    .filter(({ points }) => points.length > 0);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`)).ok;
  } catch {
    return false;
  }
}
