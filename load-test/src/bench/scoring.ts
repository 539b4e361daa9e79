import { scoreProject } from '@sluice/pipeline';
import { createLogger, ensureProject } from '@sluice/service-kit';
import {
  migrateClickHouse,
  migratePostgres,
  openClickHouse,
  openPostgres,
  type ClickHouse,
} from '@sluice/warehouse';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setInterval } from 'node:timers';

export interface ScoringBenchOptions {
  /** Default 1,000,000. */
  people?: number | undefined;
  onProgress: (text: string) => void;
}

export interface ScoringBench {
  people: number;
  activeDays: number;
  purchases: number;
  /** The first scoring trains a model; the second one has it. */
  runs: { trained: boolean; people: number; seconds: number; cpuSeconds: number; peakMb: number }[];
  /** What the process held before: the engines, with the data in their caches. */
  idleMb: number;
  storedMb: number;
}

const LOG = { id: 'bench', partitionCount: 1 };
const LAST_DAY = Date.parse('2026-08-31') / 86_400_000;
const DAYS = 365;
const NOW_MS = (LAST_DAY + 1) * 86_400_000 + 6 * 3_600_000;
const PEOPLE_AT_ONCE = 100_000;

/**
 * Scores people on the real stores, embedded in this process: their active days are written straight into the rollups, one
 * in twenty with a purchase. Each comes by a habit of their own and one day leaves for good.
 */
export async function benchScoring(options: ScoringBenchOptions): Promise<ScoringBench> {
  const { people = 1_000_000, onProgress } = options;
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-scoring-'));
  const postgres = await openPostgres(`embedded:${join(dir, 'postgres')}`, { max: 5 });
  const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
  try {
    await migratePostgres(postgres.pool);
    await migrateClickHouse(clickhouse, postgres.pool);
    const projectId = await ensureProject(postgres.pool, 'bench', { timezone: 'Europe/Berlin' });
    await postgres.pool.query(
      `insert into log_offsets (log_id, "partition", complete_through) values ($1, 0, $2)`,
      [LOG.id, new Date(NOW_MS)],
    );
    const database = clickhouse.database(1);
    for (let from = 0; from < people; from += PEOPLE_AT_ONCE) {
      onProgress(`filling: ${from} people`);
      await fill(clickhouse, database, projectId, { from, to: Math.min(people, from + PEOPLE_AT_ONCE) });
    }
    const idleMb = residentMb();
    const runs: ScoringBench['runs'] = [];
    for (let run = 0; run < 2; run += 1) {
      const peak = watchMemory();
      const cpu = process.cpuUsage();
      const startedMs = performance.now();
      const outcome = await scoreProject(
        projectId,
        {
          pool: postgres.pool,
          clickhouse,
          log: LOG,
          logger: createLogger('bench', 'silent'),
          config: { everyDays: 1, retrainDays: 7 },
          now: () => NOW_MS,
          onProgress: (progress) => onProgress(JSON.stringify(progress)),
        },
        { force: true },
      );
      const { user, system } = process.cpuUsage(cpu);
      if (outcome.kind !== 'published') throw new Error(`The scoring ended as ${outcome.kind}.`);
      runs.push({
        trained: outcome.trained,
        people: outcome.people,
        seconds: (performance.now() - startedMs) / 1_000,
        cpuSeconds: (user + system) / 1e6,
        peakMb: peak.stop(),
      });
    }
    return {
      people,
      activeDays: await one(clickhouse, `select count() as n from ${database}.active_days`),
      purchases: await one(clickhouse, `select count() as n from ${database}.events`),
      runs,
      idleMb,
      storedMb:
        (await one(
          clickhouse,
          `select sum(bytes_on_disk) as n from system.parts
           where database = '${database}' and table = 'churn_scores' and active`,
        )) /
        1e6 /
        runs.length,
    };
  } finally {
    await clickhouse.close();
    await postgres.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function fill(
  clickhouse: ClickHouse,
  database: string,
  projectId: number,
  { from, to }: { from: number; to: number },
): Promise<void> {
  const share = (what: string): string => `(sipHash64(person, '${what}') / 18446744073709551616.)`;
  const first = LAST_DAY - DAYS;
  // Joined on a day, there for a time that shortens exponentially, there on a share of days.
  const active = `
    select person, ${first} + joined as start,
      arrayJoin(range(start, least(${LAST_DAY + 1}, start + toUInt32(1 - log(1 - ${share('stays')}) * 400 * ${share('loyal')})))) as day
    from (select number as person, toUInt32(${share('joined')} * ${DAYS}) as joined from numbers(${from}, ${to - from}))
    where day = start or sipHash64(person, day) / 18446744073709551616. < 0.01 + 0.3 * pow(${share('rate')}, 3)`;
  await clickhouse.client.command({
    query: `insert into ${database}.active_days (project_id, is_bot, day, actor_hash, slots_am, slots_pm, events)
            select ${projectId}, false, toDate(day), sipHash64(concat('person-', toString(person))),
              bitShiftLeft(toUInt64(1), sipHash64(person, day, 'quarter') % 48), 0, 1 + sipHash64(day, person) % 9
            from (${active})`,
  });
  await clickhouse.client.command({
    query: `insert into ${database}.events (project_id, event_id, timestamp, received_at, type, event, actor_id, revenue, currency)
            select ${projectId}, generateUUIDv4(), toDateTime64(toDate(day), 3, 'UTC') + toIntervalHour(12) as at, at, 'track',
              'Purchase', concat('person-', toString(person)), toDecimal64(1 + sipHash64(person, day, 'value') % 100, 4), 'EUR'
            from (${active}) where sipHash64(person, day, 'buys') % 20 = 0`,
  });
}

async function one(clickhouse: ClickHouse, query: string): Promise<number> {
  const result = await clickhouse.client.query({ query, format: 'JSONEachRow' });
  return (await result.json<{ n: number }>())[0]?.n ?? 0;
}

/** Of this process, engine and threads included, megabytes. */
function residentMb(): number {
  const found = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return Math.round(Number(found?.[1] ?? process.memoryUsage.rss() / 1_024) / 1_024);
}

function watchMemory(): { stop: () => number } {
  let peakMb = residentMb();
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, residentMb());
  }, 50);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(peakMb, residentMb());
    },
  };
}
