import { peopleAnswerSchema, queryAnswerSchema, type QueryInput } from '@sluice/contracts';
import { createKey, ensureProject } from '@sluice/service-kit';
import type { Postgres } from '@sluice/warehouse';
import { createGatewayClient } from '../client/gateway-client.js';
import type { Target } from '../target/target.js';
import type { QueryCase } from './case-file.js';
import { datasetMessages } from './dataset-messages.js';
import { agrees, observe } from './observe.js';
import { translate } from './translate.js';

export interface CheckFailure {
  case: string;
  dataset: string;
  query: unknown;
  reason: string;
  expected?: unknown;
  observed?: unknown;
}

export interface CasesResult {
  cases: number;
  passed: number;
  failed: number;
  failures: CheckFailure[];
}

export interface RunCasesOptions {
  target: Pick<Target, 'gatewayUrl' | 'apiUrl'>;
  /** Of the same instance: each set of events gets a project, and keys, of its own. */
  postgres: Postgres;
  cases: readonly QueryCase[];
  onProgress: (text: string) => void;
  signal: AbortSignal;
}

/** Sends every case's events through the gateway, asks its questions of the API, and compares. */
export async function runCases(options: RunCasesOptions): Promise<CasesResult> {
  const { cases, onProgress, signal } = options;
  const failures: CheckFailure[] = [];
  let passed = 0;
  for (const [index, one] of cases.entries()) {
    signal.throwIfAborted();
    onProgress(`${one.id} (${index + 1} of ${cases.length})`);
    const sent = new Map<string, SentDataset>();
    for (const [name, dataset] of Object.entries(one.datasets)) {
      sent.set(
        name,
        await sendDataset(`${one.id}/${name}`, one, datasetMessages(`${one.id}/${name}`, dataset), options),
      );
    }
    for (const check of one.checks) {
      const dataset = one.datasets[check.dataset];
      const failure = (reason: string, more: Partial<CheckFailure> = {}): void => {
        failures.push({ case: one.id, dataset: check.dataset, query: check.query, reason, ...more });
      };
      if (dataset === undefined) {
        failure('there is no such set of events');
        continue;
      }
      try {
        const context = { timezone: one.timezone, weekStart: one.week_start, dataset };
        const query = translate(check.query, context);
        const project = sent.get(check.dataset)!;
        const answer = queryAnswerSchema.parse(
          await post(options, '/v1/query', project.readKey, { ...query, wait_for: project.watermark }),
        );
        const observed = await observe(answer, check.expect, (step) =>
          listPeople(options, project, query, step),
        );
        if (agrees(observed, check.expect)) passed += 1;
        else failure('other numbers', { expected: check.expect, observed });
      } catch (error) {
        failure(error instanceof Error ? error.message : String(error));
      }
    }
  }
  return { cases: cases.length, passed, failed: failures.length, failures };
}

export interface SentDataset {
  readKey: string;
  watermark: string;
}

/** Sends messages to a project of their own, in one request, and resolves with how to ask for them. */
export async function sendDataset(
  label: string,
  { timezone }: { timezone: string },
  messages: readonly object[],
  { target, postgres }: Pick<RunCasesOptions, 'target' | 'postgres'>,
): Promise<SentDataset> {
  const projectId = await ensureProject(postgres.pool, label, { timezone });
  const { key: writeKey } = await createKey(postgres.pool, { projectId, kind: 'write' });
  const { key: readKey } = await createKey(postgres.pool, { projectId, kind: 'read' });
  const gateway = createGatewayClient({ url: target.gatewayUrl, writeKey, connections: 1 });
  try {
    const outcome = await gateway.send(JSON.stringify({ batch: messages }));
    if (outcome.kind !== 'answered' || outcome.answer.rejected.length > 0) {
      throw new Error(`The events of ${label} were not accepted: ${JSON.stringify(outcome)}`);
    }
    return { readKey, watermark: outcome.answer.watermark! };
  } finally {
    await gateway.close();
  }
}

async function listPeople(
  options: RunCasesOptions,
  project: SentDataset,
  query: QueryInput,
  step: number,
): Promise<string[]> {
  const { total, people } = peopleAnswerSchema.parse(
    await post(options, '/v1/people', project.readKey, { query, point: { step }, limit: 1_000 }),
  );
  if (total !== people.length) throw new Error(`${total} people are said and ${people.length} are listed`);
  return people.map(({ user_id }) => user_id);
}

/** @throws Error with the problem's text for any other answer than 200. */
export async function post(
  { target, signal }: Pick<RunCasesOptions, 'target' | 'signal'>,
  path: string,
  readKey: string,
  body: object,
): Promise<unknown> {
  const response = await fetch(`${target.apiUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${readKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  const answer: unknown = await response.json();
  if (response.status === 200) return answer;
  throw new Error(`${path} answered ${response.status}: ${JSON.stringify(answer)}`);
}
