import { createRandom } from '@sluice/models/random';
import type { ClickHouse } from '@sluice/warehouse';
import type { Stores } from './kit.js';

export const DAY_MS = 86_400_000;

export const dayNumber = (date: string): number => Date.parse(date) / DAY_MS;

export interface SimulatedPerson {
  id: string;
  /** Days since 1970. */
  days: number[];
}

/**
 * People who come by habits of their own, each on a share of days, and one day leave for good. What they do after
 * `lastDay` is their future.
 */
export function simulatePeople(of: {
  people: number;
  firstDay: number;
  lastDay: number;
  futureDays: number;
  seed: number;
}): SimulatedPerson[] {
  const random = createRandom(of.seed);
  const span = of.lastDay - of.firstDay;
  return Array.from({ length: of.people }, (_person, index) => {
    const rate = 0.02 + 0.4 * random() ** 3;
    const leaves = 0.001 + 0.08 * random() ** 3;
    const days: number[] = [];
    const joined = of.firstDay + Math.floor(random() * span);
    for (let day = joined; day <= of.lastDay + of.futureDays; day += 1) {
      if (day === joined || random() < rate) {
        days.push(day);
        if (random() < leaves) break;
      }
    }
    return { id: `person-${index}`, days };
  });
}

/** Active days of people in UTC, as rolling up leaves them: one event at noon each. */
export async function insertActiveDays(
  { clickhouse, projectId }: { clickhouse: ClickHouse; projectId: number },
  people: readonly SimulatedPerson[],
  throughDay: number,
  generation = 1,
): Promise<void> {
  const database = clickhouse.database(generation);
  const rows = people.flatMap(({ id, days }) =>
    days.filter((day) => day <= throughDay).map((day) => `${projectId}\t${day}\t${id}`),
  );
  await clickhouse.client.command({
    query: `create table if not exists ${database}.simulated (project_id UInt32, day UInt16, id String) engine = Memory`,
  });
  await clickhouse.client.command({ query: `truncate table ${database}.simulated` });
  for (let from = 0; from < rows.length; from += 50_000) {
    await clickhouse.client.exec({
      query: `insert into ${database}.simulated format TabSeparated`,
      values: `${rows.slice(from, from + 50_000).join('\n')}\n`,
    } as never);
  }
  await clickhouse.client.command({
    query: `insert into ${database}.active_days (project_id, is_bot, day, actor_hash, slots_am, slots_pm, events)
            select project_id, false, toDate(day), sipHash64(id), 0, 1, 1 from ${database}.simulated`,
  });
  await clickhouse.client.command({
    query: `insert into ${database}.actors (project_id, actor_hash, actor_id, first_at, last_at, events)
            select project_id, sipHash64(id) as hash, any(id), min(toDate(day)), max(toDate(day)), count()
            from ${database}.simulated group by project_id, hash`,
  });
}

/** Says that everything is landed and rolled up through an instant. */
export async function completeThrough(stores: Pick<Stores, 'postgres' | 'log'>, at: number): Promise<void> {
  await stores.postgres.pool.query(
    `insert into log_offsets (log_id, "partition", complete_through)
     select $1, generate_series(0, $2::int - 1), $3
     on conflict (log_id, "partition") do update set complete_through = excluded.complete_through`,
    [stores.log.id, stores.log.partitionCount, new Date(at)],
  );
}
