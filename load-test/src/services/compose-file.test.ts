import { analyticsApiSettings } from '@sluice/analytics-api';
import { gatewaySettings } from '@sluice/gateway';
import { pipelineSettings } from '@sluice/pipeline';
import { readConfig } from '@sluice/service-kit';
import { Ajv } from 'ajv';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import {
  readComposeDocument,
  readComposeFile,
  readEnvFile,
  type ComposeFile,
  type ComposeService,
} from './compose-file.js';
import { InterpolationError } from './interpolate.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const composePath = join(root, 'docker-compose.yml');

const SETTINGS: Readonly<Record<string, z.ZodObject>> = {
  gateway: gatewaySettings,
  'gateway-2': gatewaySettings,
  pipeline: pipelineSettings,
  'analytics-api': analyticsApiSettings,
};
/** Where each part listens, and under what name the others, and the monitoring, know it. */
const ADDRESSES = {
  gateway: 8001,
  'gateway-2': 8001,
  'analytics-api': 8002,
  pipeline: 8003,
  'load-test': 9464,
  kafka: 9092,
  postgres: 5432,
  clickhouse: 8123,
  prometheus: 9090,
  alertmanager: 9093,
  grafana: 3000,
  'kafka-ui': 8080,
} as const;

let local: Record<string, string>;
let compose: ComposeFile;

beforeAll(async () => {
  local = await readEnvFile(join(root, 'deploy/local.env'));
  compose = await readComposeFile(composePath, local);
});

const services = (): [string, ComposeService][] => Object.entries(compose.services);

describe('docker-compose.yml', () => {
  it('is what the Compose specification describes', async () => {
    const schema = JSON.parse(readFileSync(join(root, 'deploy/schema/compose-spec.json'), 'utf8')) as object;
    // The schema names its dialect with https, which the validator knows under http alone.
    const validate = new Ajv({ strict: false, allErrors: true }).compile({
      ...schema,
      $schema: 'http://json-schema.org/draft-07/schema#',
    });
    validate(await readComposeDocument(composePath));
    expect(validate.errors).toBeNull();
  });

  it('gives each service only settings that it knows, all that it needs, and values that it takes', () => {
    for (const [name, schema] of Object.entries(SETTINGS)) {
      const { environment } = compose.services[name]!;
      const unknown = Object.keys(environment).filter((variable) => !Object.hasOwn(schema.shape, variable));
      expect({ name, unknown }).toEqual({ name, unknown: [] });
      expect(() => readConfig(schema, environment)).not.toThrow();
      // What has a default that means this machine alone has to be said.
      const stores = ['EVENT_LOG_URL', 'POSTGRES_URL', 'CLICKHOUSE_URL'].filter((variable) =>
        Object.hasOwn(schema.shape, variable),
      );
      for (const variable of stores) expect(environment[variable]).not.toMatch(/^(?:embedded:.*)?$/);
      expect(environment['PORT']).toBe(String(ADDRESSES[name as keyof typeof ADDRESSES]));
    }
  });

  it('has no default for a secret: each is demanded, and only deploy/local.env has one for trying', async () => {
    const secrets = Object.keys(local).filter((name) => name.endsWith('PASSWORD'));
    expect(secrets.length).toBeGreaterThan(4);
    for (const secret of secrets) {
      const without = { ...local, [secret]: undefined };
      await expect(readComposeFile(composePath, without)).rejects.toThrow(
        new RegExp(`^${secret} is required`),
      );
    }
    await expect(readComposeFile(composePath, {})).rejects.toBeInstanceOf(InterpolationError);
    const text = readFileSync(composePath, 'utf8');
    expect(text).not.toMatch(/PASSWORD\}?(?::?-|: +[^$\s])/);
  });

  it('wants no passwords of its own stores where the addresses are those of others', async () => {
    const environment = {
      ...Object.fromEntries(
        Object.keys(local)
          .filter((name) => name.endsWith('PASSWORD'))
          .map((name) => [name, 'unused']),
      ),
      EVENT_LOG_URL: 'kafka://logs.example.com:9093?tls=1',
      PIPELINE_POSTGRES_URL: 'postgres://pipeline:secret@db.example.com/sluice',
    };
    const { services: wired } = await readComposeFile(composePath, environment);
    expect(wired['pipeline']?.environment).toMatchObject({
      EVENT_LOG_URL: 'kafka://logs.example.com:9093?tls=1',
      POSTGRES_URL: 'postgres://pipeline:secret@db.example.com/sluice',
    });
  });

  it('pins every image to a version', () => {
    for (const [name, { image }] of services()) {
      expect({ name, image }).toEqual({
        name,
        image: expect.stringMatching(/:v?\d+\.\d+(?:\.\d+)*$/) as string,
      });
    }
  });

  it('names only hosts that are services, on the ports at which they listen', () => {
    for (const [name, { environment }] of services()) {
      for (const value of Object.values(environment)) {
        for (const [, host = '', port] of value.matchAll(/(?:\/\/|@|^)([a-z][a-z-]*):(\d{2,5})(?![\d.])/g)) {
          const expected = ADDRESSES[host as keyof typeof ADDRESSES] as number | undefined;
          const isController = host === 'kafka' && port === '9093';
          expect({ name, host, port: isController ? expected : Number(port) }).toEqual({
            name,
            host,
            port: expected,
          });
        }
      }
    }
  });

  it('publishes the ports that people look for, and nothing of the stores', () => {
    const published = new Map(
      services().flatMap(([name, { ports }]) =>
        ports.map((port) => [name, Number(port.split(':').at(-1))] as const),
      ),
    );
    expect(Object.fromEntries(published)).toEqual({
      gateway: 8001,
      'gateway-2': 8001,
      'analytics-api': 8002,
      prometheus: 9090,
      alertmanager: 9093,
      grafana: 3000,
      'kafka-ui': 8080,
    });
    for (const [, { ports }] of services()) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    for (const store of ['kafka', 'postgres', 'clickhouse']) {
      expect([...compose.services[store]!.networks.keys()]).toEqual(['stores']);
    }
  });

  it('checks the health of all that runs on, limits all, and waits for what each needs', () => {
    const jobs = new Set(['migrate', 'load-test']);
    const own = new Set(['migrate', 'gateway', 'gateway-2', 'pipeline', 'analytics-api', 'load-test']);
    for (const [name, service] of services()) {
      const isChecked = service.healthcheck?.test !== undefined || own.has(name);
      expect({ name, isChecked }).toEqual({ name, isChecked: true });
      expect(service.restart).toBe(jobs.has(name) ? 'no' : 'unless-stopped');
      for (const dependency of Object.keys(service.depends_on)) {
        expect(Object.keys(compose.services)).toContain(dependency);
      }
      // A service of a profile that is off cannot be demanded by one that is on.
      for (const [dependency, { required }] of Object.entries(service.depends_on)) {
        const profiles = compose.services[dependency]!.profiles;
        const isAlwaysThere =
          profiles.length === 0 || service.profiles.some((profile) => profiles.includes(profile));
        expect({ name, dependency, isMet: isAlwaysThere || !required }).toEqual({
          name,
          dependency,
          isMet: true,
        });
      }
      if (own.has(name)) {
        expect(service).toMatchObject({ init: true, read_only: true });
        expect(existsSync(join(root, sourceOf(service.command[0] ?? '')))).toBe(true);
      }
    }
    for (const name of ['gateway', 'gateway-2', 'pipeline', 'analytics-api']) {
      const { depends_on: needs, environment, stop_grace_period: grace } = compose.services[name]!;
      expect(needs['migrate']?.condition).toBe('service_completed_successfully');
      expect(Number.parseInt(grace ?? '') * 1_000).toBeGreaterThan(
        Number(environment['SHUTDOWN_TIMEOUT_MS']),
      );
    }
  });

  it('gives each gateway a spool of its own, which stays', () => {
    const spools = ['gateway', 'gateway-2'].map((name) => compose.services[name]!.volumes);
    expect(spools).toEqual([
      ['gateway-spool:/var/lib/sluice/spool'],
      ['gateway-2-spool:/var/lib/sluice/spool'],
    ]);
    for (const [, { volumes }] of services()) {
      for (const volume of volumes) {
        const source = volume.split(':')[0]!;
        if (!source.startsWith('.')) expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  it('mounts what is there', () => {
    const mounted = services().flatMap(([, { volumes }]) =>
      volumes.map((volume) => volume.split(':')[0]!).filter((source) => source.startsWith('./')),
    );
    expect(mounted).toContain('./monitoring/prometheus');
    for (const source of mounted)
      expect({ source, there: existsSync(join(root, source)) }).toEqual({ source, there: true });
  });

  it('is what Prometheus scrapes: every name is a service, at the port at which it listens', () => {
    const text = readFileSync(join(root, 'monitoring/prometheus/prometheus.yml'), 'utf8');
    const { scrape_configs: jobs, alerting } = parse(text) as PrometheusFile;
    const names = [...jobs, ...(alerting?.alertmanagers ?? [])].flatMap((job) =>
      (job.dns_sd_configs ?? []).flatMap((config) =>
        config.names.map((name) => [name, config.port] as const),
      ),
    );
    expect(names.map(([name]) => name)).toEqual(
      expect.arrayContaining(['gateway', 'pipeline', 'analytics-api']) as string[],
    );
    for (const [name, port] of names) {
      expect({ name, port }).toEqual({ name, port: ADDRESSES[name as keyof typeof ADDRESSES] });
      expect(compose.services[name]!.networks.has('default')).toBe(true);
    }
    // Both gateways answer to the one name.
    expect(compose.services['gateway-2']!.networks.get('default')?.aliases).toEqual(['gateway']);
  });

  it('is what Grafana is provisioned for: folders of dashboards are mounted, sources are services', () => {
    const mounts = compose.services['grafana']!.volumes.map((volume) => volume.split(':')[1]!);
    const provisioning = join(root, 'monitoring/grafana/provisioning');
    const files = readdirSync(provisioning, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.ya?ml$/.test(file),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const text = readFileSync(join(provisioning, file), 'utf8');
      for (const [, path = ''] of text.matchAll(/^\s*path:\s*['"]?(\/\S+?)['"]?$/gm)) {
        expect({ path, mounted: mounts.some((mount) => path.startsWith(mount)) }).toEqual({
          path,
          mounted: true,
        });
      }
      for (const [, host = '', port] of text.matchAll(/^\s*url:\s*['"]?(?:http:\/\/)?([a-z-]+):(\d+)/gm)) {
        expect({ host, port: Number(port) }).toEqual({
          host,
          port: ADDRESSES[host as keyof typeof ADDRESSES],
        });
      }
    }
  });
});

interface PrometheusFile {
  scrape_configs: { dns_sd_configs?: { names: string[]; port: number }[] }[];
  alerting?: { alertmanagers: { dns_sd_configs?: { names: string[]; port: number }[] }[] };
}

/** The source of a built entry: `gateway/dist/main.js` is made of `gateway/src/main.ts`. */
function sourceOf(entry: string): string {
  const direct = entry.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
  return entry.startsWith('load-test/') ? direct.replace('/src/', '/src/commands/') : direct;
}
