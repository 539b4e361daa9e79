import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { PROMETHEUS_CONFIG, RULES_DIR } from '../paths.js';

export interface PointOptions {
  /** Job → `host:port` of each of its processes. Jobs that are not named are left out. */
  targets: Readonly<Record<string, readonly string[]>>;
  /** Seconds between two scrapes, and between two evaluations of the rules. */
  everySeconds: number;
}

const configSchema = z.looseObject({
  global: z.looseObject({}),
  rule_files: z.array(z.string()),
  alerting: z.unknown().optional(),
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      dns_sd_configs: z.unknown().optional(),
      static_configs: z.unknown().optional(),
    }),
  ),
});

/** The shipped configuration of Prometheus, with targets that are known by address and nobody to alert. */
export function pointConfig({ targets, everySeconds }: PointOptions): string {
  const config = configSchema.parse(parse(readFileSync(PROMETHEUS_CONFIG, 'utf8')));
  const known = new Set(config.scrape_configs.map((job) => job.job_name));
  for (const job of Object.keys(targets)) {
    if (!known.has(job)) throw new Error(`The configuration of Prometheus has no job ${job}.`);
  }
  const interval = `${everySeconds}s`;
  return stringify({
    ...config,
    global: {
      ...config.global,
      scrape_interval: interval,
      scrape_timeout: interval,
      evaluation_interval: interval,
    },
    rule_files: [`${RULES_DIR}*.yml`],
    alerting: undefined,
    scrape_configs: config.scrape_configs
      .filter((job) => Object.hasOwn(targets, job.job_name))
      .map((job) => ({
        ...job,
        dns_sd_configs: undefined,
        static_configs: [{ targets: targets[job.job_name] }],
      })),
  });
}
