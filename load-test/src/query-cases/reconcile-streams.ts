import { integritySchema } from '@sluice/contracts';
import { createRandom } from '@sluice/models/random';
import { sendDataset, type RunCasesOptions } from './run-cases.js';

export interface StreamsResult {
  streams: number;
  checks: number;
  failed: number;
  failures: object[];
}

const ZONES = ['UTC', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Chatham'];
const EVENTS = ['view', 'view', 'view', 'add', 'add', 'pay', 'pageview'];
/** Around a change of clocks, where days are long or short. */
const STARTS = ['2024-03-06', '2024-10-30', '2024-04-03', '2025-01-15'];
const DAY_MS = 86_400_000;

/** Sends random streams of events, each to a project of its own, and lets `GET /v1/integrity` reconcile its answers. */
export async function reconcileStreams(
  options: Omit<RunCasesOptions, 'cases'> & { streams: number; seed: number },
): Promise<StreamsResult> {
  const { streams, seed, target, signal, onProgress } = options;
  const random = createRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const failures: object[] = [];
  let checks = 0;
  for (let stream = 0; stream < streams; stream += 1) {
    signal.throwIfAborted();
    onProgress(`random stream ${stream + 1} of ${streams}`);
    const timezone = pick(ZONES);
    const start = pick(STARTS);
    const people = 1 + Math.floor(random() * 12);
    const messages = Array.from({ length: 1 + Math.floor(random() * 250) }, (_none, index) => {
      const person = Math.floor(random() * people);
      // Few instants, so that many events share one; before, within and after the range.
      const atMs = Date.parse(`${start}T00:00:00Z`) + Math.floor((random() * 9 - 1) * 48) * (DAY_MS / 48);
      const name = pick(EVENTS);
      const isKnown = random() < 0.6;
      return {
        messageId: `stream-${seed}-${stream}-${index}`,
        ...(name === 'pageview' ? { type: 'page', name } : { type: 'track', event: name }),
        ...(isKnown ? { userId: `user-${person}` } : {}),
        ...(!isKnown || random() < 0.5 ? { anonymousId: `device-${person}` } : {}),
        timestamp: new Date(atMs).toISOString(),
        properties: { path: `/${pick(['a', 'b', 'c'])}`, amount: Math.floor(random() * 100) },
      };
    });
    const project = await sendDataset(`stream ${seed}/${stream}`, { timezone }, messages, options);
    await waitUntilQueryable(options, project);
    const to = new Date(Date.parse(start) + 6 * DAY_MS).toISOString().slice(0, 10);
    const response = await fetch(`${target.apiUrl}/v1/integrity?from=${start}&to=${to}`, {
      headers: { authorization: `Bearer ${project.readKey}` },
      signal,
    });
    if (response.status !== 200)
      throw new Error(`/v1/integrity answered ${response.status}: ${await response.text()}`);
    const integrity = integritySchema.parse(await response.json());
    checks += integrity.checks.length;
    for (const check of integrity.checks) {
      if (check.verdict !== 'equal') failures.push({ stream, seed, timezone, start, ...check });
    }
  }
  return { streams, checks, failed: failures.length, failures };
}

async function waitUntilQueryable(
  { target, signal }: Pick<RunCasesOptions, 'target' | 'signal'>,
  { readKey, watermark }: { readKey: string; watermark: string },
): Promise<void> {
  const response = await fetch(`${target.apiUrl}/v1/query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${readKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'trends', interval: 'total', wait_for: watermark, wait_timeout_ms: 30_000 }),
    signal,
  });
  if (response.status !== 200)
    throw new Error(`The events did not become queryable: ${await response.text()}`);
}
