import { planCapacity, type CapacityPlan } from './plan-capacity.js';

export const TABLE_RATES = [1_000, 10_000, 100_000, 1_000_000] as const;

/** The table of docs/SCALING.md, in Markdown. */
export function capacityTable(rates: readonly number[] = TABLE_RATES): string {
  const plans = rates.map((rate) => planCapacity(rate));
  const row = (name: string, text: (plan: CapacityPlan) => string): string[] => [name, ...plans.map(text)];
  const rows = [
    row('events a second', ({ eventsPerSecond }) => eventsPerSecond.toLocaleString('en-US')),
    row('events a day', ({ eventsPerSecond }) => countText(eventsPerSecond * 86_400)),
    row('network in', ({ networkBytesPerSecond }) => `${bytesText(networkBytesPerSecond)}/s`),
    row('cores: gateways', ({ cores }) => coresText(cores.gateway)),
    row('cores: pipelines', ({ cores }) => coresText(cores.pipeline)),
    row('cores: Postgres, with a replica', ({ cores }) => coresText(cores.postgres)),
    row('cores: ClickHouse, with a replica and queries', ({ cores }) => coresText(cores.clickhouse)),
    row('partitions of the log', ({ partitions }) => String(partitions)),
    row('write-ahead log of Postgres', ({ walBytesPerSecond }) => `${bytesText(walBytesPerSecond)}/s`),
    row('Postgres servers that share it', ({ postgresNodes }) => String(postgresNodes)),
    row('disk: log, 72 hours, three copies', ({ diskBytes }) => bytesText(diskBytes.log)),
    row('disk: Postgres, 30 days, two copies', ({ diskBytes }) => bytesText(diskBytes.postgres)),
    row('disk: ClickHouse, a year, two copies', ({ diskBytes }) => bytesText(diskBytes.clickhouse)),
  ];
  const [head, ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head!), line(head!.map((_cell, n) => (n === 0 ? '---' : '---:'))), ...body.map(line)].join(
    '\n',
  );
}

function coresText(cores: number): string {
  return cores < 1 ? cores.toFixed(2) : cores < 10 ? cores.toFixed(1) : Math.ceil(cores).toString();
}

function countText(count: number): string {
  return count < 1e9 ? `${Math.round(count / 1e6)} million` : `${(count / 1e9).toFixed(1)} billion`;
}

/** Decimal units, as disks and networks are sold. */
function bytesText(bytes: number): string {
  for (const [unit, size] of [
    ['PB', 1e15],
    ['TB', 1e12],
    ['GB', 1e9],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
