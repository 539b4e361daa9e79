import { parse, stringify } from 'yaml';
import { z } from 'zod';

/** The parts of a Prometheus configuration that say where things are; the rest goes through as it is. */
const configSchema = z
  .object({
    global: z.record(z.string(), z.unknown()).default({}),
    rule_files: z.array(z.string()).default([]),
    scrape_configs: z.array(
      z
        .object({
          job_name: z.string(),
          dns_sd_configs: z.array(z.object({ names: z.array(z.string()), port: z.int() }).loose()).optional(),
          static_configs: z.array(z.object({ targets: z.array(z.string()) }).loose()).optional(),
        })
        .loose(),
    ),
  })
  .loose();

export interface PrometheusPlace {
  /** Folder that relative paths of the configuration start from. */
  folder: string;
  /** `gateway:8001` → `['127.0.0.1:34567', …]`: each copy of a service. Other addresses have no copy here. */
  targets: ReadonlyMap<string, readonly string[]>;
  scrapeIntervalSeconds: number;
}

/** The shipped configuration with the addresses of this machine, and scraping faster; jobs, labels and rules stay. */
export function prometheusConfigHere(text: string, place: PrometheusPlace): string {
  const config = configSchema.parse(parse(text));
  return stringify({
    ...config,
    // Alerts are evaluated; nobody is told of them.
    alerting: undefined,
    global: {
      ...config.global,
      scrape_interval: `${place.scrapeIntervalSeconds}s`,
      scrape_timeout: `${place.scrapeIntervalSeconds}s`,
      evaluation_interval: `${place.scrapeIntervalSeconds}s`,
    },
    rule_files: config.rule_files.map((path) => (path.startsWith('/') ? path : `${place.folder}/${path}`)),
    scrape_configs: config.scrape_configs.map(({ dns_sd_configs, static_configs, ...job }) => {
      const addresses = [
        ...(dns_sd_configs ?? []).flatMap(({ names, port }) => names.map((name) => `${name}:${port}`)),
        ...(static_configs ?? []).flatMap(({ targets }) => targets),
      ];
      const targets = addresses.flatMap((address) => place.targets.get(address) ?? []);
      return { ...job, static_configs: [{ targets }] };
    }),
  });
}
