import { ERRORS, PEOPLE_SCHEMAS } from '@sluice/contracts';
import type { ServedMetric } from './read-exposition.js';
import type { DocumentedLabel, DocumentedMetric } from './read-metrics-table.js';

/** What may stand for each list that the document names in italics. */
const LISTS: Readonly<Record<string, (value: string) => boolean>> = {
  'error code': (value) => Object.hasOwn(ERRORS, value),
  partition: isNumber,
  project: isNumber,
  version: (value) => /^v?\d+\.\d+\.\d+/.test(value),
  'question kind': (value) =>
    Object.hasOwn(PEOPLE_SCHEMAS, value) || ['people', 'estimate', 'look_up', 'simulation'].includes(value),
  statement: (value) => /^[a-z][a-z0-9_ -]*$/.test(value),
  route: (value) => value === 'none' || value.startsWith('/v1/'),
  status: (value) => /^[1-5]\d\d$/.test(value),
};

/**
 * What is not as the document says, one line each, of a process that is these services: metrics that are served and not
 * documented, documented and not served, of another type, with other labels, or with values that are not of their list.
 */
export function compareMetrics(
  documented: readonly DocumentedMetric[],
  served: readonly ServedMetric[],
  services: readonly Exclude<DocumentedMetric['service'], 'every'>[],
): string[] {
  const problems: string[] = [];
  const own = documented.filter(
    ({ service }) => service === 'every' || (services as readonly string[]).includes(service),
  );
  const found = new Set<string>();
  for (const metric of served) {
    const entry = own.find(({ name }) => isNamed(metric.name, name));
    if (entry === undefined) problems.push(`${metric.name} is served and not documented`);
    else {
      found.add(entry.name);
      if (entry.type !== 'default') problems.push(...differencesOf(entry, metric));
    }
  }
  for (const { name } of own) if (!found.has(name)) problems.push(`${name} is documented and not served`);
  return problems;
}

function differencesOf(entry: DocumentedMetric, metric: ServedMetric): string[] {
  const { name } = metric;
  const problems: string[] = [];
  if (entry.type !== metric.type) problems.push(`${name} is a ${metric.type}, documented as ${entry.type}`);
  if (metric.type === 'counter' && !name.endsWith('_total')) {
    problems.push(`${name} is a counter and does not end in _total`);
  }
  // A metric that counted nothing yet shows no labels.
  if (metric.labels.size > 0) {
    const labels = [...metric.labels.keys()].sort().join();
    const expected = entry.labels
      .map((label) => label.name)
      .sort()
      .join();
    if (labels !== expected) problems.push(`${name} has the labels ${labels}, documented as ${expected}`);
  }
  for (const label of entry.labels) {
    for (const value of metric.labels.get(label.name) ?? []) {
      if (!isOf(label, value)) problems.push(`${name}{${label.name}="${value}"} is not of its list`);
    }
  }
  return problems;
}

function isOf({ values, lists }: DocumentedLabel, value: string): boolean {
  return values.includes(value) || lists.some((list) => LISTS[list]?.(value) === true);
}

function isNamed(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function isNumber(value: string): boolean {
  return /^\d+$/.test(value);
}
