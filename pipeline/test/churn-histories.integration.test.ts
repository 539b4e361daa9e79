import { createRandom } from '@sluice/models/random';
import { churnDefinitionSchema, type ChurnDefinitionInput } from '@sluice/contracts';
import { daysToNextActive, emptyHistory, readHistory } from '@sluice/models/churn';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createLocalDays } from '../src/enrich/local-day.js';
import { HISTORY_ROW_BYTES } from '../src/score/history-rows.js';
import { historySql, type HistorySource } from '../src/score/history-sql.js';
import { createLocalDayTable } from '../src/score/local-days.js';
import { readHistoryRows } from '../src/score/read-rows.js';
import { hashesOf } from '../src/score/score-project.js';
import { DAY_MS, dayNumber } from './churn-kit.js';
import { ask, openStores, type Stores } from './kit.js';

interface TestEvent {
  actor: string;
  atMs: number;
  event: string;
  isBot: boolean;
  revenue: number | null;
  currency: string;
  session: string;
}

const FIRST = dayNumber('2026-01-10');
const LAST = dayNumber('2026-05-20');
const QUARTER_MS = 900_000;

/** Ids `p0` … and, for every third, an anonymous id that was merged into it. */
function makeEvents(): TestEvent[] {
  const random = createRandom(7);
  const events: TestEvent[] = [];
  for (let person = 0; person < 60; person += 1) {
    const rate = random() ** 2;
    for (let day = FIRST; day <= LAST; day += 1) {
      if (random() > rate) continue;
      const times = 1 + Math.floor(random() * 3);
      for (let n = 0; n < times; n += 1) {
        // Often around midnight, where days of one zone begin within those of another.
        const atMs =
          day * DAY_MS + Math.floor(random() * 96) * QUARTER_MS + Math.floor(random() * QUARTER_MS);
        const isPurchase = random() < 0.3;
        events.push({
          actor: person % 3 === 0 && random() < 0.4 ? `anonymous-${person}` : `p${person}`,
          atMs,
          event: isPurchase ? 'Purchase' : 'view',
          isBot: random() < 0.1,
          revenue: isPurchase ? Math.round(random() * 1_000) / 10 : null,
          currency: isPurchase ? (random() < 0.8 ? 'EUR' : 'USD') : '',
          session: crypto.randomUUID(),
        });
      }
    }
  }
  return events;
}

const personOf = (actor: string): string =>
  actor.startsWith('anonymous-') ? `p${actor.slice('anonymous-'.length)}` : actor;

/** Whether an event is of a definition of being active. */
function counts(event: TestEvent, definition: ChurnDefinitionInput): boolean {
  if (event.isBot && definition.bots !== 'include') return false;
  return definition.activity?.kind !== 'event' || definition.activity.events.includes(event.event);
}

/** The same histories by a plain reading of the events. */
function readPlainly(
  events: readonly TestEvent[],
  {
    definition,
    timezone,
    cutoff,
    followedTo,
  }: { definition: ChurnDefinitionInput; timezone: string; cutoff: number; followedTo: number },
): Map<string, Record<string, number>> {
  const dayOf = createLocalDays(timezone);
  interface Day {
    active: boolean;
    events: number;
    value: number;
  }
  const people = new Map<string, Map<number, Day>>();
  const dayAt = (person: string, day: number): Day => {
    const days = people.get(person) ?? new Map<number, Day>();
    people.set(person, days);
    const found = days.get(day) ?? { active: false, events: 0, value: 0 };
    days.set(day, found);
    return found;
  };
  // A rollup has one count for a UTC day of an id: it is of the later local day.
  const ofUtcDay = new Map<string, { last: number; n: number; person: string }>();
  for (const event of events) {
    const day = dayOf(event.atMs);
    const person = personOf(event.actor);
    if (counts(event, definition)) {
      dayAt(person, day).active = true;
      const isSession = definition.activity?.kind === 'session';
      const key = isSession
        ? event.session
        : `${event.actor} ${event.isBot} ${Math.floor(event.atMs / DAY_MS)} ${definition.activity?.kind === 'event' ? event.event : ''}`;
      const known = ofUtcDay.get(key) ?? { last: day, n: 0, person };
      ofUtcDay.set(key, { person, last: Math.max(known.last, day), n: known.n + 1 });
    }
    if (
      event.revenue !== null &&
      event.currency === 'EUR' &&
      (definition.bots === 'include' || !event.isBot)
    ) {
      dayAt(person, day).value += event.revenue;
    }
  }
  for (const { person, last, n } of ofUtcDay.values()) dayAt(person, last).events += n;

  const found = new Map<string, Record<string, number>>();
  for (const [person, days] of people) {
    const known = [...days].filter(([day]) => day <= followedTo).sort(([a], [b]) => a - b);
    const active = known.filter(([, { active: isActive }]) => isActive).map(([day]) => day);
    const history = emptyHistory();
    if (!readHistory({ key: 0, days: active }, cutoff, history)) continue;
    const upTo = known.filter(([day]) => day <= cutoff).map(([, day]) => day);
    history.events = Math.max(
      history.repeats + 1,
      upTo.reduce((sum, day) => sum + day.events, 0),
    );
    history.value = upTo.reduce((sum, day) => sum + Math.max(0, day.value), 0);
    history.valueDays = upTo.filter((day) => day.value > 0).length;
    found.set(person, { ...history, next: daysToNextActive({ key: 0, days: active }, cutoff) ?? 0 });
  }
  return found;
}

describe('histories of people', () => {
  let stores: Stores;
  const events = makeEvents();
  const hashes = new Map<string, string>();

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
    const { clickhouse, projectId } = stores;
    const rows = [projectId, projectId + 1].flatMap((project) =>
      // The other project's people have the same ids, and came once more.
      [...events, ...(project === projectId ? [] : [{ ...events[0]!, atMs: LAST * DAY_MS }])].map(
        (event) => ({
          project_id: project,
          event_id: crypto.randomUUID(),
          timestamp: new Date(event.atMs).toISOString().replace('T', ' ').replace('Z', ''),
          received_at: new Date(event.atMs).toISOString().replace('T', ' ').replace('Z', ''),
          type: 'track',
          event: event.event,
          actor_id: event.actor,
          session_id: event.session,
          is_bot: event.isBot,
          properties: {},
          revenue: event.revenue,
          currency: event.currency,
        }),
      ),
    );
    await clickhouse.client.insert({
      table: `${clickhouse.database(1)}.events`,
      format: 'JSONEachRow',
      clickhouse_settings: clickhouse.insertSettings,
      values: rows,
    });
    const merged = [...new Set(events.map(({ actor }) => actor))].filter((actor) => actor.startsWith('a'));
    await clickhouse.client.insert({
      table: `${clickhouse.database(1)}.identities`,
      format: 'JSONEachRow',
      values: merged.map((actor) => ({
        project_id: projectId,
        previous_id: actor,
        user_id: personOf(actor),
        version: 1,
      })),
    });
    for (const { id, hash } of await ask<{ id: string; hash: string }>(
      stores,
      `select concat('p', toString(number)) as id, toString(sipHash64(id)) as hash from numbers(60)`,
    ))
      hashes.set(hash, id);
  });
  afterAll(() => stores.close());

  async function readBySql(of: {
    definition: ChurnDefinitionInput;
    timezone: string;
    cutoff: number;
    followedTo: number;
    slices?: number;
  }): Promise<Map<string, Record<string, number>>> {
    const source: HistorySource = {
      database: stores.clickhouse.database(1),
      projectId: stores.projectId,
      definition: churnDefinitionSchema.parse(of.definition),
      currency: 'EUR',
      hasMerges: true,
      days: createLocalDayTable(of.timezone, FIRST - 5, of.followedTo + 1),
    };
    const found = new Map<string, Record<string, number>>();
    const { slices = 1 } = of;
    for (let slice = 0; slice < slices; slice += 1) {
      const rows = await readHistoryRows(
        stores.clickhouse,
        historySql(source, {
          cutoffDay: of.cutoff,
          followedTo: of.followedTo,
          people: hashesOf(slice, slices),
        }),
      );
      for (let at = 0; at < rows.length; at += HISTORY_ROW_BYTES) {
        const person = hashes.get(rows.readBigUInt64LE(at).toString())!;
        expect(found.has(person)).toBe(false);
        found.set(
          person,
          Object.fromEntries(
            [...Object.keys(emptyHistory()), 'next'].map((field, index) => [
              field,
              rows.readFloatLE(at + 8 + 4 * index),
            ]),
          ),
        );
      }
    }
    return found;
  }

  const rounded = (found: Map<string, Record<string, number>>): [string, Record<string, number>][] =>
    [...found]
      .map(([person, { value, ...history }]): [string, Record<string, number>] => [
        person,
        { ...history, value: Math.round(value! * 10) },
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1));

  const definitions: ChurnDefinitionInput[] = [
    {},
    { bots: 'include' },
    { activity: { kind: 'event', events: ['Purchase'] } },
    { activity: { kind: 'session' } },
  ];
  for (const timezone of ['UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Asia/Kathmandu']) {
    it(`are those of a plain reading of the events, in the days of ${timezone}`, async () => {
      for (const definition of definitions) {
        for (const cutoff of [dayNumber('2026-03-08'), dayNumber('2026-03-29'), LAST - 1]) {
          const of = { definition, timezone, cutoff, followedTo: Math.min(cutoff + 30, LAST - 1) };
          const plain = readPlainly(events, of);
          expect(plain.size).toBeGreaterThan(20);
          expect(rounded(await readBySql({ ...of, slices: 3 }))).toEqual(rounded(plain));
        }
      }
    });
  }
});
