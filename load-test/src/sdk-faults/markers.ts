import { gunzipSync } from 'node:zlib';

/**
 * Events carry a mark that survives every SDK's encoding, so that one reader finds them in all of them: the run, and what
 * the event is in it: its number, or `warm` and `return` for events that are not counted.
 */
export function markOf(run: string, label: string | number): string {
  return `lab.${run}.${label}.`;
}

const MARK = /\blab\.([0-9a-z]+)\.([0-9a-z-]+)\./g;

/** Labels of a run's events in the body of a request, once for each copy, in the order they stand there. */
export function labelsIn(body: Buffer, run: string): string[] {
  return [...textOf(body).matchAll(MARK)].filter((match) => match[1] === run).map((match) => match[2] ?? '');
}

/** A body as text: inflated, taken out of a form, decoded from base64; whichever it needs. */
function textOf(body: Buffer): string {
  const inflated = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
  const text = inflated.toString('utf8');
  if (!/^\w+=/.test(text)) return text;
  const data = new URLSearchParams(text).get('data') ?? '';
  return /^[A-Za-z0-9+/_-]+=*$/.test(data) ? Buffer.from(data, 'base64').toString('utf8') : data;
}
