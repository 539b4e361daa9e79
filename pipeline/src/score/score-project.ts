import type { EventLog } from '@sluice/event-log';
import type { Logger } from '@sluice/service-kit';
import { MIN_PEOPLE, MIN_RETURNED, planCutoffs, TRAINING_PEOPLE, trainingShare } from '@sluice/models/churn';
import { liveGeneration, type ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { insertRows } from '../roll-up/insert-batch.js';
import { readRolledUpState } from '../watch/read-completeness.js';
import { currencySql, historySql, sizeSql, type HashRange, type HistorySource } from './history-sql.js';
import { createLocalDayTable, lastWholeDay } from './local-days.js';
import { readHistoryRows, readOne } from './read-rows.js';
import {
  abandonRun,
  dateOf,
  findModel,
  findOpenRun,
  forgetRun,
  listUnread,
  noteAttempt,
  noteSlice,
  openRun,
  publishRun,
  readCurrent,
  readDefinition,
  saveModel,
  type KnownModel,
  type OpenRun,
  type ScoringRules,
} from './runs.js';
import { SCORE_COLUMNS } from './score-block.js';
import { startThinker, type Thinker } from './thinker.js';

export interface ScoringConfig {
  /** A project is scored anew when so many local days have passed. */
  everyDays: number;
  /** A model is trained anew when it knows nothing of so many last days. */
  retrainDays: number;
  /** People of one slice at most, about. Default 40,000. */
  peoplePerSlice?: number;
}

/** Where tests look in, and end the process. */
export type ScoringStep = 'model-saved' | 'run-opened' | 'slice-inserted' | 'slice-noted' | 'run-published';

export interface ScoringOptions {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  log: Pick<EventLog, 'id' | 'partitionCount'>;
  logger: Logger;
  config: ScoringConfig;
  now?: () => number;
  onProgress?: (progress: ScoringProgress) => void;
  onStep?: (step: ScoringStep) => void | Promise<void>;
  /** Aborted when the pipeline stops: the run is left as it is, and gone on with later. */
  signal?: AbortSignal;
}

export interface ScoringProgress {
  stage: 'reading' | 'training' | 'scoring' | 'published';
  slices?: number;
  slices_done?: number;
  people?: number;
}

export type ScoringOutcome =
  | { kind: 'published'; runId: number; people: number; knownThrough: string; trained: boolean }
  /** The scores are as new as they can be, and made by the rules of now. */
  | { kind: 'up_to_date' }
  /** Somebody else is scoring the project. */
  | { kind: 'busy' }
  | { kind: 'no_project' }
  | { kind: 'too_little_history' | 'incomplete'; detail: string };

/** Days of a person's past that are looked at. */
const PAST_DAYS = 1_096;
/** A day is whole when everything is complete up to so long after its end: what devices sent late is in it by then. */
const LATENESS_MS = 3_600_000;
const ROWS_PER_SLICE = 2_000_000;
const MAX_SLICES = 4_096;

/**
 * Scores everyone of a project, unless that is done already or `force` is not said.
 *
 * A run is worked off slice by slice, each inserted under a token of its own and then noted. Killed anywhere, the next call
 * goes on where the notes end: a slice that was inserted and not noted is recognised. Only a whole run is told, by one
 * statement. What an earlier day, other rules or another generation of the rollups left behind is dropped.
 */
export async function scoreProject(
  projectId: number,
  options: ScoringOptions,
  { force = false }: { force?: boolean } = {},
): Promise<ScoringOutcome> {
  const client = await options.pool.connect();
  try {
    const lock = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1, $2) as locked', [
      LOCKS.CHURN,
      projectId,
    ]);
    if (lock.rows[0]?.locked !== true) {
      client.release();
      return { kind: 'busy' };
    }
  } catch (error) {
    client.release(true);
    throw error;
  }
  try {
    return await scoreLocked(projectId, options, force);
  } finally {
    await unlock(client, projectId);
  }
}

/** Where the lock cannot be given back, it goes with its session. */
async function unlock(client: pg.PoolClient, projectId: number): Promise<void> {
  try {
    await client.query('select pg_advisory_unlock($1, $2)', [LOCKS.CHURN, projectId]);
    client.release();
  } catch {
    client.release(true);
  }
}

async function scoreLocked(
  projectId: number,
  options: ScoringOptions,
  force: boolean,
): Promise<ScoringOutcome> {
  const { pool, clickhouse, log, config, now = Date.now } = options;
  const timezone = await readTimezone(pool, projectId);
  if (timezone === undefined) return { kind: 'no_project' };
  const rolledUp = await readRolledUpState(pool, log);
  if (rolledUp === undefined) {
    return fail(
      pool,
      projectId,
      'incomplete',
      'It is not known yet up to when events are complete. It is, soon after a pipeline has started.',
    );
  }
  const { generation, completeThroughMs } = rolledUp;
  const knownThrough = lastWholeDay(timezone, Math.min(completeThroughMs, now()) - LATENESS_MS);
  const definition = await readDefinition(pool, projectId);
  const current = await readCurrent(pool, projectId);
  if (
    !force &&
    current !== undefined &&
    knownThrough - current.knownThrough < config.everyDays &&
    current.timezone === timezone &&
    isSame(current.definition, definition)
  ) {
    return { kind: 'up_to_date' };
  }

  const database = clickhouse.database(generation);
  const currency =
    definition.currency ??
    (await readOne<{ currency: string }>(clickhouse, currencySql({ database, projectId })))?.currency ??
    null;
  const rules: ScoringRules = { definition, timezone, currency };
  const source: HistorySource = {
    database,
    projectId,
    definition,
    currency,
    hasMerges: await hasMerges(pool, projectId),
    days: createLocalDayTable(timezone, knownThrough - PAST_DAYS, knownThrough + 1),
  };

  const thinker = startThinker();
  const letGo = (): void => void thinker.close();
  options.signal?.addEventListener('abort', letGo, { once: true });
  try {
    const found = await findOrTrain(projectId, { rules, source, knownThrough, thinker }, options);
    if (found.kind === 'too_little_history') {
      return await fail(pool, projectId, found.kind, found.detail);
    }
    const run = await resumeOrOpen(
      projectId,
      { known: found.model, source, knownThrough, generation },
      options,
    );
    await thinker.load(found.model.model);
    await workOff(
      projectId,
      run,
      { source: { ...source, mergesThrough: run.startedAtMicros }, thinker, generation },
      options,
    );
    const outcome = await publish(projectId, run, options);
    return { ...outcome, trained: found.trained };
  } finally {
    options.signal?.removeEventListener('abort', letGo);
    await thinker.close();
    await dropUnread(projectId, options);
  }
}

async function fail(
  pool: pg.Pool,
  projectId: number,
  kind: 'too_little_history' | 'incomplete',
  detail: string,
): Promise<ScoringOutcome> {
  await noteAttempt(pool, projectId, { outcome: kind, detail });
  return { kind, detail };
}

async function readTimezone(pool: pg.Pool, projectId: number): Promise<string | undefined> {
  const found = await pool.query<{ timezone: string }>(
    'select timezone from projects where project_id = $1',
    [projectId],
  );
  return found.rows[0]?.timezone;
}

async function hasMerges(pool: pg.Pool, projectId: number): Promise<boolean> {
  const found = await pool.query('select from identities where project_id = $1 limit 1', [projectId]);
  return found.rowCount === 1;
}

type Found =
  { kind: 'model'; model: KnownModel; trained: boolean } | { kind: 'too_little_history'; detail: string };

async function findOrTrain(
  projectId: number,
  work: { rules: ScoringRules; source: HistorySource; knownThrough: number; thinker: Thinker },
  options: ScoringOptions,
): Promise<Found> {
  const { rules, knownThrough } = work;
  const { pool, config, onStep = () => undefined } = options;
  const known = await findModel(pool, projectId, rules);
  if (known !== undefined && knownThrough - known.knownThrough < config.retrainDays) {
    return { kind: 'model', model: known, trained: false };
  }
  const trained = await train(work, options);
  if ('detail' in trained) return { kind: 'too_little_history', ...trained };
  const model = await saveModel(pool, projectId, rules, { knownThrough, model: trained.model });
  await onStep('model-saved');
  return { kind: 'model', model, trained: true };
}

const LAST_HASH = 2n ** 64n - 1n;

async function train(
  { source, knownThrough, thinker }: { source: HistorySource; knownThrough: number; thinker: Thinker },
  { clickhouse, onProgress = () => undefined, signal }: ScoringOptions,
): Promise<{ model: KnownModel['model'] } | { detail: string }> {
  const size = await readSize(clickhouse, source);
  if (size.people === 0) {
    return {
      detail: `There is too little to learn from: up to the end of ${dateOf(knownThrough)}, the last day that is complete, nobody was active.`,
    };
  }
  const share = trainingShare(size.people, TRAINING_PEOPLE);
  // A sample is a range of hashes: the same people at every cutoff.
  const people = {
    from: 0n,
    to: share === 1 ? LAST_HASH : (BigInt(Math.floor(share * 2 ** 32)) << 32n) - 1n,
  };
  const cutoffs = [
    { cutoffDay: knownThrough, followedDays: 0 },
    ...planCutoffs({ firstDay: size.firstDay, lastDay: knownThrough }),
  ];
  for (const { cutoffDay, followedDays } of cutoffs) {
    signal?.throwIfAborted();
    onProgress({ stage: 'reading' });
    const rows = await readHistoryRows(
      clickhouse,
      historySql(source, { cutoffDay, followedTo: cutoffDay + followedDays, people }),
    );
    await thinker.note(rows, cutoffDay, followedDays);
  }
  onProgress({ stage: 'training' });
  const outcome = await thinker.train(share, size.firstDay);
  if (outcome.kind === 'trained') return { model: outcome.model };
  return {
    detail:
      `There is too little to learn from: up to the end of ${dateOf(knownThrough)}, the last day that is complete, ` +
      `${outcome.people} people were active, and ${outcome.returned} of them came back on another day. ` +
      `It takes ${MIN_PEOPLE} people, ${MIN_RETURNED} of whom came back.`,
  };
}

interface Size {
  people: number;
  rows: number;
  firstDay: number;
}

async function readSize(clickhouse: ClickHouse, source: HistorySource): Promise<Size> {
  const row = await readOne<{ people: number; rows: number; first_day: number }>(clickhouse, sizeSql(source));
  return { people: row?.people ?? 0, rows: row?.rows ?? 0, firstDay: row?.first_day ?? 0 };
}

async function resumeOrOpen(
  projectId: number,
  of: { known: KnownModel; source: HistorySource; knownThrough: number; generation: number },
  { pool, clickhouse, config, logger, onStep = () => undefined }: ScoringOptions,
): Promise<OpenRun> {
  const { known, source, knownThrough, generation } = of;
  const left = await findOpenRun(pool, projectId);
  if (left !== undefined) {
    if (
      left.modelId === known.modelId &&
      left.knownThrough === knownThrough &&
      left.generation === generation
    ) {
      logger.info({ projectId, runId: left.runId, slicesDone: left.slicesDone }, 'a scoring goes on');
      return left;
    }
    await abandonRun(pool, left.runId);
  }
  const { people, rows } = await readSize(clickhouse, source);
  const wanted = Math.max(people / (config.peoplePerSlice ?? 40_000), rows / ROWS_PER_SLICE);
  const slices = Math.min(MAX_SLICES, Math.max(1, Math.ceil(wanted)));
  const run = await openRun(pool, projectId, { modelId: known.modelId, knownThrough, generation, slices });
  await onStep('run-opened');
  return run;
}

/** The people of a slice: a part of all hashes. */
export function hashesOf(slice: number, slices: number): HashRange {
  const startOf = (index: number): bigint => (BigInt(index) * 2n ** 64n) / BigInt(slices);
  return { from: startOf(slice), to: startOf(slice + 1) - 1n };
}

async function workOff(
  projectId: number,
  run: OpenRun,
  { source, thinker, generation }: { source: HistorySource; thinker: Thinker; generation: number },
  options: ScoringOptions,
): Promise<void> {
  const { pool, clickhouse, onProgress = () => undefined, onStep = () => undefined, signal } = options;
  const { runId, slices, knownThrough } = run;
  for (let slice = run.slicesDone; slice < slices; slice += 1) {
    signal?.throwIfAborted();
    onProgress({ stage: 'scoring', slices, slices_done: slice });
    const histories = await readHistoryRows(
      clickhouse,
      historySql(source, {
        cutoffDay: knownThrough,
        followedTo: knownThrough,
        people: hashesOf(slice, slices),
      }),
    );
    const { rows, people } = await thinker.score(histories, { projectId, runId, knownThrough });
    if (people > 0) {
      await insertRows(
        clickhouse,
        `${clickhouse.database(generation)}.churn_scores (${SCORE_COLUMNS.join(', ')})`,
        'RowBinary',
        [rows],
        { ...clickhouse.insertSettings, insert_deduplication_token: `churn/${runId}/${slice}/${slices}` },
      );
    }
    await onStep('slice-inserted');
    await noteSlice(pool, runId, slice);
    await onStep('slice-noted');
  }
}

async function publish(
  projectId: number,
  { runId, knownThrough, generation }: OpenRun,
  options: ScoringOptions,
): Promise<Omit<Extract<ScoringOutcome, { kind: 'published' }>, 'trained'>> {
  const { pool, clickhouse, onProgress = () => undefined, onStep = () => undefined } = options;
  const counted = await readOne<{ people: number }>(clickhouse, {
    text: `select count() as people from {db:Identifier}.churn_scores where project_id = {project:UInt32} and run_id = {run:UInt64}`,
    params: { db: clickhouse.database(generation), project: projectId, run: runId },
  });
  const people = counted?.people ?? 0;
  if (!(await publishRun(pool, runId, people))) {
    await abandonRun(pool, runId);
    throw new Error('The rollups were rebuilt while people were scored: it begins again.');
  }
  await onStep('run-published');
  await noteAttempt(pool, projectId, { outcome: 'published', detail: `${people} people were scored.` });
  onProgress({ stage: 'published', people });
  return { kind: 'published', runId, people, knownThrough: dateOf(knownThrough) };
}

/** Drops the scores of runs that nobody reads. What fails here is done by the next scoring. */
async function dropUnread(projectId: number, { pool, clickhouse, logger }: ScoringOptions): Promise<void> {
  const client = await pool.connect();
  try {
    // No rebuild may take over meanwhile what is being dropped.
    await client.query('select pg_advisory_lock_shared($1, 0)', [LOCKS.ROLLUPS]);
    const generation = await liveGeneration(client);
    if (generation === undefined) return;
    for (const runId of await listUnread(client, projectId)) {
      await clickhouse.client.command({
        query: `alter table ${clickhouse.database(generation)}.churn_scores drop partition ${runId}`,
      });
      await forgetRun(client, projectId, runId);
    }
  } catch (error) {
    logger.warn({ err: error, projectId }, 'old scores could not be dropped; it is tried again');
  } finally {
    // Ends the session, and the lock with it.
    client.release(true);
  }
}

/** Whether two values are the same JSON, whatever the order of keys. */
function isSame(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
