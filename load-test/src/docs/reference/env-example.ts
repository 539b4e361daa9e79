import { commonDefault, listSettings, type Setting } from './list-settings.js';

/** What a setting without a default may look like. */
const EXAMPLES: Readonly<Record<string, string>> = {
  TRUST_PROXY: '10.0.0.0/8',
  METRICS_TOKEN: 'a-long-random-text',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
  API_ORIGINS: 'https://dashboard.example.com',
  PUBLIC_URL: 'https://events.example.com',
  REDIS_URL: 'redis://host:6379',
  KEEP_DAYS: '400',
  GEOIP_PATH: './GeoLite2-City.mmdb',
  SMTP_URL: 'smtps://user:password@host:465',
  NOTIFY_EMAIL_FROM: 'Sluice <sluice@example.com>',
};

/** Servers in place of the embedded stores. */
const SERVERS: Readonly<Record<string, string>> = {
  EVENT_LOG_URL:
    'kafka://user:password@host:9092,host2:9092?topic=sluice-events&partitions=12&replication=3&tls=1&sasl=scram-sha-256',
  POSTGRES_URL: 'postgres://user:password@host:5432/sluice?sslmode=require',
  CLICKHOUSE_URL: 'https://user:password@host:8443/?cluster=NAME',
};

const SECTIONS: readonly { section: Setting['section']; title: string }[] = [
  { section: 'stores', title: 'The three stores: embedded:DIR on this machine, or the address of a server' },
  { section: 'every service', title: 'Every service' },
  { section: 'gateway', title: 'Gateway' },
  { section: 'pipeline', title: 'Pipeline' },
  { section: 'analytics API', title: 'Analytics API' },
];

/** `.env.example`: every setting with its default; what has none is commented out, with an example. */
export function envExample(): string {
  const settings = listSettings();
  const lines = [
    '# Every setting with its default; made by `npm run docs:reference` from the schemas. docs/configuration.md says more.',
    '# All are optional. A value may also come from a file: NAME_FILE=/run/secrets/name.',
    '# `npm start` takes them from the environment; it sets HOST, PORT, SPOOL_DIR and the stores of its services itself.',
  ];
  for (const { section, title } of SECTIONS) {
    lines.push('', `# --- ${title}`);
    for (const setting of settings.filter((other) => other.section === section))
      lines.push(...settingLines(setting));
  }
  return `${lines.join('\n')}\n`;
}

function settingLines(setting: Setting): string[] {
  const { name, meaning } = setting;
  const fallback = commonDefault(setting);
  const server = SERVERS[name];
  if (fallback !== undefined) {
    return [`# ${meaning}`, `${name}=${fallback}`, ...(server === undefined ? [] : [`# ${name}=${server}`])];
  }
  const defaults = Object.entries(setting.defaults);
  if (defaults.length > 0) {
    const text = defaults.map(([service, value]) => `${value} (${service})`).join(', ');
    return [`# ${meaning} Each service has its own: ${text}.`, `# ${name}=${defaults[0]![1]}`];
  }
  return [`# ${meaning}`, `# ${name}=${EXAMPLES[name] ?? ''}`];
}
