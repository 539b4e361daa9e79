import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CHECKS } from '../src/prometheus/check.js';
import { pointConfig } from '../src/prometheus/point-config.js';
import { provisionPrometheus, PrometheusMissingError } from '../src/prometheus/provision-prometheus.js';

const run = promisify(execFile);
const programs = inject('prometheusPrograms');

describe.skipIf(programs === null)('what Prometheus’ own tools say', () => {
  it.each(Object.keys(CHECKS))('%s objects to nothing that is shipped', async (name) => {
    await expect(CHECKS[name]!(programs!)).resolves.toMatch(/SUCCESS/);
  });

  it('a configuration with known targets keeps every rule and is valid', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-prometheus-config-'));
    try {
      const file = join(dir, 'prometheus.yml');
      const config = pointConfig({ targets: { 'sluice-gateway': ['127.0.0.1:1'] }, everySeconds: 2 });
      await writeFile(file, config);
      expect(config).not.toContain('dns_sd_configs');
      const said = (await run(programs!.promtool, ['check', 'config', file])).stdout;
      expect(said).toContain('is valid prometheus config file syntax');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('a job that is not shipped cannot be pointed anywhere', () => {
    expect(() => pointConfig({ targets: { elsewhere: ['127.0.0.1:1'] }, everySeconds: 2 })).toThrow(
      'elsewhere',
    );
  });
});

describe('a machine without Prometheus and without apt', () => {
  const before = process.env['PATH'];
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-no-prometheus-'));
    process.env['PATH'] = dir;
  });
  afterAll(async () => {
    process.env['PATH'] = before;
    await rm(dir, { recursive: true, force: true });
  });

  it('says what to install', async () => {
    await expect(provisionPrometheus({ cacheDir: dir })).rejects.toThrow(PrometheusMissingError);
    await expect(provisionPrometheus({ cacheDir: dir })).rejects.toThrow(
      'install prometheus, promtool and amtool',
    );
  });
});
