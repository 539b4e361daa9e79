import { readFileSync } from 'node:fs';

export const DEFAULT_TOPIC = 'sluice-events';
const DEFAULT_PORT = 9092;

const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;

export interface KafkaLocation {
  bootstrap: readonly { host: string; port: number }[];
  topic: string;
  /** Partitions the topic must have, or be created with. */
  partitions?: number;
  /** Replicas of a topic that is created. */
  replication?: number;
  /** How long a topic that is created keeps records, milliseconds. */
  retentionMs?: number;
  tls?: { ca?: string; cert?: string; key?: string; rejectUnauthorized: boolean };
  sasl?: { mechanism: (typeof MECHANISMS)[keyof typeof MECHANISMS]; username: string; password: string };
}

/**
 * Reads `kafka://[user:password@]host[:port][,host[:port]…][?…]`. Parameters:
 *
 * - `topic`: default `sluice-events`
 * - `partitions`, `replication`, `retention-hours`: for a topic that is created; `partitions` is checked otherwise
 * - `tls=1`: encrypt; `ca`, `cert`, `key`: PEM files, which imply it; `insecure=1`: do not check the certificate
 * - `sasl`: `plain`, `scram-sha-256` (default when there is a user) or `scram-sha-512`
 *
 * User and password are percent-encoded. No message shows the password.
 * @throws TypeError naming the part that is wrong.
 */
export function parseKafkaUrl(
  url: string,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): KafkaLocation {
  const match = /^kafka:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?(?:\?([^#]*))?$/.exec(url);
  if (match === null)
    throw new TypeError('a Kafka URL has the form kafka://[user:password@]host:port[,…][?…]');
  const [, credentials, hosts, query] = match;
  const parameters = new URLSearchParams(query ?? '');
  for (const name of parameters.keys()) {
    if (!KNOWN.has(name)) throw new TypeError(`the Kafka URL has the unknown parameter ${name}`);
    if (parameters.getAll(name).length > 1) throw new TypeError(`the Kafka URL has ${name} more than once`);
  }
  const location: KafkaLocation = {
    bootstrap: hosts!.split(',').map(parseBroker),
    topic: parseTopic(parameters.get('topic') ?? DEFAULT_TOPIC),
  };
  const partitions = parseCount(parameters, 'partitions', 10_000);
  if (partitions !== undefined) location.partitions = partitions;
  const replication = parseCount(parameters, 'replication', 100);
  if (replication !== undefined) location.replication = replication;
  const retentionHours = parseCount(parameters, 'retention-hours', 10 * 366 * 24);
  if (retentionHours !== undefined) location.retentionMs = retentionHours * 3_600_000;
  const tls = parseTls(parameters, readFile);
  if (tls !== undefined) location.tls = tls;
  const sasl = parseSasl(credentials, parameters.get('sasl'));
  if (sasl !== undefined) location.sasl = sasl;
  return location;
}

const KNOWN = new Set([
  'topic',
  'partitions',
  'replication',
  'retention-hours',
  'tls',
  'ca',
  'cert',
  'key',
  'insecure',
  'sasl',
]);

function parseBroker(text: string): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (match === null || port < 1 || port > 65_535) {
    throw new TypeError(`the Kafka URL has a broker that is not host:port: ${text}`);
  }
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}

function parseTopic(topic: string): string {
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..') {
    throw new TypeError(`the Kafka URL has a topic that Kafka does not allow: ${topic}`);
  }
  return topic;
}

function parseCount(parameters: URLSearchParams, name: string, most: number): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw new TypeError(`${name} in the Kafka URL must be from 1 to ${most}`);
  return count;
}

function parseFlag(parameters: URLSearchParams, name: string): boolean | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  if (text === '1' || text === 'true') return true;
  if (text === '0' || text === 'false') return false;
  throw new TypeError(`${name} in the Kafka URL must be 1 or 0`);
}

function parseTls(parameters: URLSearchParams, readFile: (path: string) => string): KafkaLocation['tls'] {
  const files: { ca?: string; cert?: string; key?: string } = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const path = parameters.get(name);
    if (path === null) continue;
    try {
      files[name] = readFile(path);
    } catch (error) {
      throw new TypeError(`the file that ${name} in the Kafka URL names cannot be read`, { cause: error });
    }
  }
  const insecure = parseFlag(parameters, 'insecure') ?? false;
  const isWanted = parseFlag(parameters, 'tls') ?? (Object.keys(files).length > 0 || insecure);
  if (!isWanted) {
    if (Object.keys(files).length > 0) throw new TypeError('the Kafka URL has TLS files, and tls=0');
    return undefined;
  }
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw new TypeError('cert and key in the Kafka URL belong together');
  }
  return { ...files, rejectUnauthorized: !insecure };
}

function parseSasl(credentials: string | undefined, mechanism: string | null): KafkaLocation['sasl'] {
  if (credentials === undefined || credentials === '') {
    if (mechanism !== null) throw new TypeError('sasl in the Kafka URL needs user:password@');
    return undefined;
  }
  const colon = credentials.indexOf(':');
  if (colon < 1) throw new TypeError('the Kafka URL has a user without a password');
  const name = (mechanism ?? 'scram-sha-256').toLowerCase();
  if (!Object.hasOwn(MECHANISMS, name)) {
    throw new TypeError(`sasl in the Kafka URL must be one of ${Object.keys(MECHANISMS).join(', ')}`);
  }
  return {
    mechanism: MECHANISMS[name as keyof typeof MECHANISMS],
    username: decode(credentials.slice(0, colon)),
    password: decode(credentials.slice(colon + 1)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError('user and password of the Kafka URL must be percent-encoded');
  }
}
