import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where every metric is described. */
export const METRICS_PAGE = fileURLToPath(new URL('../../docs/METRICS.md', import.meta.url));

/** Names of the metrics in the table of docs/METRICS.md; one that ends with `*` stands for all that begin so. */
export function readDocumentedMetrics(): Set<string> {
  const names = [...readFileSync(METRICS_PAGE, 'utf8').matchAll(/^\| `([a-z_]+\*?)` +\|/gm)].map(
    ([, name]) => name!,
  );
  if (names.length === 0) throw new Error('docs/METRICS.md has no table of metrics.');
  return new Set(names);
}

/** Names of the metrics that a service serves, from the text of its `/metrics`. */
export function servedMetrics(text: string): Set<string> {
  return new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!));
}

/** The name under which a metric or a series of a histogram is documented. */
export function documentedName(series: string, documented: ReadonlySet<string>): string | undefined {
  const histogram = /^(.+)_(bucket|sum|count)$/.exec(series)?.[1];
  return [...documented].find(
    (name) =>
      name === series || name === histogram || (name.endsWith('*') && series.startsWith(name.slice(0, -1))),
  );
}
