/** A metric as docs/METRICS.md has it. */
export interface DocumentedMetric {
  /** Or the beginning of a name and `*`, for the metrics of a library. */
  name: string;
  type: 'counter' | 'gauge' | 'histogram' | 'default';
  labels: DocumentedLabel[];
  unit: string;
  /** `every`: each service serves it. */
  service: 'gateway' | 'pipeline' | 'analytics-api' | 'load' | 'every';
  meaning: string;
}

export interface DocumentedLabel {
  name: string;
  /** Words that stand for themselves. */
  values: string[];
  /** Names of lists: what the document has in italics. */
  lists: string[];
}

const COLUMNS = ['name', 'type', 'labels', 'unit', 'service', 'meaning', 'when to look'];
const TYPES = new Set(['counter', 'gauge', 'histogram', 'default']);
const SERVICES = new Set(['gateway', 'pipeline', 'analytics-api', 'load', 'every']);

/**
 * Reads the table of metrics out of the document.
 * @throws Error where it is not there, or a row does not have its form.
 */
export function readMetricsTable(markdown: string): DocumentedMetric[] {
  const lines = markdown.split('\n');
  const head = lines.findIndex((line) => cellsOf(line).join() === COLUMNS.join());
  if (head === -1) throw new Error(`there is no table with the columns ${COLUMNS.join(', ')}`);
  const metrics: DocumentedMetric[] = [];
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) break;
    metrics.push(metricOf(line));
  }
  const names = new Set(metrics.map(({ name }) => name));
  if (names.size < metrics.length) throw new Error('the table has a metric twice');
  return metrics;
}

function cellsOf(line: string): string[] {
  return line.startsWith('|')
    ? line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    : [];
}

function metricOf(line: string): DocumentedMetric {
  const [name = '', type = '', labels = '', unit = '', service = '', meaning = ''] = cellsOf(line);
  const plain = /^`([a-z0-9_]+\*?)`$/.exec(name)?.[1];
  if (plain === undefined || !TYPES.has(type) || !SERVICES.has(service)) {
    throw new Error(`no row of metrics: ${line.slice(0, 120)}`);
  }
  return {
    name: plain,
    type: type as DocumentedMetric['type'],
    labels: type === 'default' || labels === '' ? [] : labels.split(';').map(labelOf),
    unit,
    service: service as DocumentedMetric['service'],
    meaning,
  };
}

function labelOf(text: string): DocumentedLabel {
  const match = /^\s*`([a-z_]+)`: (.+)$/.exec(text);
  if (match === null) throw new Error(`no label with its values: ${text}`);
  const values = match[2]!.split(',').map((value) => value.trim());
  const isList = (value: string): boolean => /^_.+_$/.test(value);
  return {
    name: match[1]!,
    values: values.filter((value) => !isList(value)),
    lists: values.filter(isList).map((value) => value.slice(1, -1)),
  };
}
