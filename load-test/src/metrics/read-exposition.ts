/** A metric as `/metrics` serves it. */
export interface ServedMetric {
  name: string;
  type: string;
  /** Values seen, by label. A histogram's own `le` is left out. */
  labels: Map<string, Set<string>>;
}

/**
 * Reads the families of the text format of Prometheus, 0.0.4.
 * @throws Error when a sample belongs to no family, or a family is there twice.
 */
export function readExposition(text: string): ServedMetric[] {
  const families = new Map<string, ServedMetric>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) {
      const name = type[1]!;
      if (families.has(name)) throw new Error(`${name} is served twice`);
      families.set(name, { name, type: type[2]!, labels: new Map() });
    } else if (line !== '' && !line.startsWith('#')) {
      noteSample(line, families);
    }
  }
  return [...families.values()];
}

function noteSample(line: string, families: ReadonlyMap<string, ServedMetric>): void {
  const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$/.exec(line);
  if (sample === null) throw new Error(`no sample: ${line}`);
  const [, name = '', labels = ''] = sample;
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  if (family === undefined) throw new Error(`${name} has no type`);
  for (const [, label = '', value = ''] of labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    if (label === 'le' || label === 'quantile') continue;
    const values = family.labels.get(label) ?? new Set();
    family.labels.set(label, values.add(value));
  }
}
