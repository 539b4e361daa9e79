import { auditSchema, queryAnswerSchema } from '@sluice/contracts';
import { readJob, requestJob, type ErasureReceipt } from '@sluice/pipeline';
import { createKey, ensureProject } from '@sluice/service-kit';
import { openClickHouse, openPostgres, type Postgres } from '@sluice/warehouse';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createGatewayClient } from '../client/gateway-client.js';
import { wait } from '../client/wait.js';
import { sluicePath, startStandalone } from '../instance/standalone-instance.js';
import { plainAnswer } from '../isolation/compare-answers.js';
import type { Target } from '../target/target.js';
import { drawCrowd, idsOf, inOrder, type Message } from './crowd.js';
import { lookInEveryColumn, lookInEveryGeneration, lookInFiles, type Look } from './look-everywhere.js';
import { questionsOver } from './questions.js';

export interface EraseRunOptions {
  dataDir: string;
  people: number;
  days: number;
  seed: number;
  onProgress: (text: string) => void;
  signal: AbortSignal;
}

export interface EraseRunResult {
  /** Events of the person that were erased. */
  erased: number;
  /** Rows and files in which an id of the person still stands, over all stores, at the end of it all. */
  remaining: number;
  /** What was searched and found: before, so that the search is known to find, and after. */
  stores: Record<string, { searched: number; before: number; after: number; places: string[] }>;
  /** Answers of the project are those of one that never had the person. */
  answersEqual: boolean;
  differing: string[];
  auditBalanced: boolean;
  /** Sent again, and late, after the erasure: none of it came back. What the person did from then on is there. */
  cameBack: number;
  cameAnew: number;
  receipt: ErasureReceipt;
}

interface Project {
  name: string;
  projectId: number;
  writeKey: string;
  readKey: string;
}

const DAY_MS = 86_400_000;
const MESSAGES_PER_REQUEST = 100;

/**
 * Fills a Sluice of its own twice: one project with many people and one more, another without that one. Erases the one with
 * the command that an operator would use, looks into everything there is, compares answers, and sends things again.
 */
export async function runErase(options: EraseRunOptions): Promise<EraseRunResult> {
  const { dataDir, people, days, seed, onProgress, signal } = options;
  onProgress('starting a Sluice of our own');
  const instance = await startStandalone({
    dataDir,
    environment: { READ_REQUESTS_PER_MINUTE: '100000000', CHURN_EVERY_DAYS: '0' },
  });
  const { target } = instance;
  const nowMs = Date.now();
  const { person, others, own } = drawCrowd({ people, days, seed, nowMs });
  const ids = idsOf(person);
  let postgres = await openPostgres(`embedded:${join(dataDir, 'postgres')}`, { max: 4 });
  try {
    const whole = await makeProject(postgres, 'with everybody');
    const without = await makeProject(postgres, 'without one');
    onProgress('sending weeks of many people');
    await send(target, whole, inOrder([...others, ...own]));
    await send(target, without, others);
    await refuse(target, whole, person.userId, person.devices[0]);
    await landed(postgres, [
      [whole, others.length + own.length],
      [without, others.length],
    ]);
    onProgress('scoring people');
    await scorePeople(postgres, whole, signal);

    const stores: EraseRunResult['stores'] = {};
    const note = (store: string, when: 'before' | 'after', look: Look): void => {
      stores[store] = { searched: look.searched, before: 0, after: 0, places: [], ...stores[store] };
      stores[store][when] = look.found;
      if (when === 'after') stores[store].places = look.places;
    };
    const spool = join(dataDir, 'spool');
    note('postgres', 'before', await lookInEveryColumn(postgres, ids));
    note('spool', 'before', await lookInFiles(spool, ids));

    onProgress('looking at the numbers before');
    const range = [dayOf(nowMs - (days + 2) * DAY_MS), dayOf(nowMs + DAY_MS)] as const;
    if ((await compare(target, whole, without, range)).length === 0) {
      throw new Error('The person makes no difference to any answer: nothing would be proved.');
    }
    onProgress('erasing one of them');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        sluicePath(),
        '--data-dir',
        dataDir,
        'people',
        'erase',
        '--project',
        whole.name,
        '--anonymous',
        person.devices[1],
        '--user',
        // Never merged: whoever asks has to say it.
        person.devices[2],
        '--yes',
        '--json',
      ],
      { signal, maxBuffer: 16 * 1024 * 1024 },
    );
    const receipt = JSON.parse(stdout.trim().split('\n').at(-1)!) as ErasureReceipt;

    onProgress('comparing answers, and sending things again');
    const differing = await compare(target, whole, without, range);
    const beforeMs = Date.parse(receipt.erased_at);
    const late: Message = {
      type: 'track',
      event: 'Late',
      userId: person.userId,
      messageId: `late-${seed}`,
      timestamp: new Date(beforeMs - 1_000).toISOString(),
    };
    const anew: Message = {
      type: 'track',
      event: 'Anew',
      userId: 'somebody-else',
      messageId: `anew-${seed}`,
      timestamp: new Date().toISOString(),
    };
    const again = [...own.slice(0, 5), ...own.slice(-5), late];
    const sentBefore = others.length;
    await send(target, whole, [...again, anew]);
    await landed(postgres, [[whole, sentBefore + 1]]);
    const audit = await takeAudit(target, whole, signal);
    const back = await postgres.pool.query<{ came_back: number; anew: number }>(
      `select count(*) filter (where message_id = any ($2))::int as came_back,
         count(*) filter (where message_id = $3)::int as anew from events where project_id = $1`,
      [whole.projectId, again.map((message) => message['messageId']), anew['messageId']],
    );
    note('postgres', 'after', await lookInEveryColumn(postgres, ids));
    note('spool', 'after', await lookInFiles(spool, ids));

    // One process at a time may open the embedded engine: the instance has to let go of it.
    onProgress('looking into every generation of the rollups');
    await postgres.close();
    await instance.stop();
    const clickhouse = await openClickHouse(`embedded:${join(dataDir, 'clickhouse')}`);
    try {
      note('clickhouse', 'after', await lookInEveryGeneration(clickhouse, ids));
      // Of people who are there: that a search finds nothing is worth something only if it can find.
      const known = await lookInEveryGeneration(clickhouse, ['other0-user', 'other0-phone']);
      note('clickhouse', 'before', known);
    } finally {
      await clickhouse.close();
    }
    postgres = await openPostgres(`embedded:${join(dataDir, 'postgres')}`, { max: 2 });
    return {
      erased: receipt.erased['postgres']?.['events'] ?? 0,
      remaining: Object.values(stores).reduce((sum, { after }) => sum + after, 0) + receipt.remaining,
      stores,
      answersEqual: differing.length === 0,
      differing,
      auditBalanced: audit,
      cameBack: back.rows[0]!.came_back,
      cameAnew: back.rows[0]!.anew,
      receipt,
    };
  } finally {
    await postgres.close();
    await instance.stop();
  }
}

async function makeProject({ pool }: Postgres, name: string): Promise<Project> {
  const projectId = await ensureProject(pool, name, { timezone: 'Europe/Berlin' });
  const write = await createKey(pool, { projectId, kind: 'write' });
  const read = await createKey(pool, { projectId, kind: 'read' });
  return { name, projectId, writeKey: write.key, readKey: read.key };
}

async function send(
  target: Target,
  { writeKey, name }: Project,
  messages: readonly Message[],
): Promise<void> {
  const gateway = createGatewayClient({ url: target.gatewayUrl, writeKey, connections: 1 });
  try {
    for (let start = 0; start < messages.length; start += MESSAGES_PER_REQUEST) {
      const batch = messages.slice(start, start + MESSAGES_PER_REQUEST);
      const outcome = await gateway.send(JSON.stringify({ batch }));
      if (outcome.kind !== 'answered' || outcome.answer.rejected.length > 0) {
        throw new Error(`The events of the project ${name} were not accepted: ${JSON.stringify(outcome)}`);
      }
    }
  } finally {
    await gateway.close();
  }
}

/** Messages of the person that the gateway refuses: they become dead letters, with all that they say. */
async function refuse(
  target: Target,
  { writeKey }: Project,
  userId: string,
  anonymousId: string,
): Promise<void> {
  const gateway = createGatewayClient({ url: target.gatewayUrl, writeKey, connections: 1 });
  try {
    await gateway.send(
      JSON.stringify({
        batch: [
          { type: 'track', event: 'Refused', userId, properties: 'none' },
          { type: 'track', userId, anonymousId, properties: {} },
        ],
      }),
    );
  } finally {
    await gateway.close();
  }
}

/** Resolves when all rows are rolled up, and all dead letters there. */
async function landed({ pool }: Postgres, expected: readonly (readonly [Project, number])[]): Promise<void> {
  for (;;) {
    const found = await pool.query<{ project_id: number; rows: number; pending: number }>(
      `select p.project_id, (select count(*)::int from events e where e.project_id = p.project_id) as rows,
         (select count(*)::int from batches where state = 'pending') as pending
       from projects p`,
    );
    const rows = new Map(found.rows.map((row) => [row.project_id, row.rows]));
    const isThere = expected.every(([{ projectId }, count]) => rows.get(projectId) === count);
    if (isThere && found.rows.every(({ pending }) => pending === 0)) return;
    await wait(50);
  }
}

async function scorePeople({ pool }: Postgres, { projectId }: Project, signal: AbortSignal): Promise<void> {
  const jobId = await requestJob(pool, 'churn', { project_id: projectId });
  for (;;) {
    signal.throwIfAborted();
    const job = await readJob(pool, jobId);
    if (job?.state === 'failed') throw new Error(`People were not scored: ${String(job.error)}`);
    if (job?.state === 'done') {
      const outcome = JSON.stringify(job.progress);
      if (!outcome.includes('published')) throw new Error(`People were not scored: ${outcome}`);
      return;
    }
    await wait(50);
  }
}

/** Questions that the two projects answer differently. */
async function compare(
  target: Target,
  whole: Project,
  without: Project,
  [from, to]: readonly [string, string],
): Promise<string[]> {
  const differing: string[] = [];
  for (const question of questionsOver(from, to)) {
    const answers: string[] = [];
    for (const { readKey } of [whole, without]) {
      const response = await fetch(`${target.apiUrl}/v1/query`, {
        method: 'POST',
        headers: { authorization: `Bearer ${readKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(question),
      });
      const body: unknown = await response.json();
      if (response.status !== 200) throw new Error(`A question was not answered: ${JSON.stringify(body)}`);
      answers.push(JSON.stringify(plainAnswer(queryAnswerSchema.parse(body), '\u0000')));
    }
    if (answers[0] !== answers[1]) differing.push(JSON.stringify(question));
  }
  return differing;
}

async function takeAudit(target: Target, { readKey }: Project, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${target.apiUrl}/v1/audit`, {
    headers: { authorization: `Bearer ${readKey}` },
    signal,
  });
  const audit = auditSchema.parse(await response.json());
  return audit.balanced && audit.totals.erased > 0;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
