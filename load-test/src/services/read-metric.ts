/** What a page of metrics says of one: the sum of its series, and how many there are. Both 0 when it has none. */
export async function readMetric(url: string, name: string): Promise<{ sum: number; count: number }> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status}`);
  return metricOf(await answer.text(), name);
}

/** Source of the format: the documentation of Prometheus, exposition formats. */
export function metricOf(page: string, name: string): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (const line of page.split('\n')) {
    if (!line.startsWith(name) || !/^[{ ]/.test(line.slice(name.length))) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    count++;
  }
  return { sum, count };
}
