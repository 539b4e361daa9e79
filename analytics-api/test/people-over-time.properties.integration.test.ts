import type { LifecycleAnswer, RetentionAnswer, StickinessAnswer } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

/**
 * Retention, lifecycle and stickiness of random streams of events, compared with what a plain reading of their definitions
 * gives: local dates come from `Intl`, and nothing else is shared with what is tested.
 */

let api: ApiFixture;

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2026-01-01T00:00:00Z');
});
afterAll(async () => api.close());

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Zones, and dates around which something is odd there. */
const PLACES = [
  ['UTC', '2024-02-27'],
  ['America/New_York', '2024-03-08'],
  ['America/New_York', '2024-11-01'],
  ['Asia/Kathmandu', '2024-05-01'],
  ['Australia/Lord_Howe', '2024-04-05'],
  ['America/Havana', '2023-11-03'],
  ['Europe/London', '2024-03-29'],
] as const;

/** Few, so that everyone does much on a day. */
const IDS = ['u1', 'u2', 'x1', 'x2'];

const stream = fc.record({
  place: fc.constantFrom(...PLACES),
  doings: fc.array(
    fc.record({
      // From before the range to after it; many at the very edges of hours.
      at: fc.oneof(
        fc.integer({ min: -2 * 96, max: 7 * 96 }).map((quarter) => quarter * 900_000),
        fc.integer({ min: -2 * DAY_MS, max: 7 * DAY_MS }),
      ),
      who: fc.constantFrom(...IDS),
      name: fc.constantFrom('S', 'R'),
      plan: fc.constantFrom('pro', 'free'),
    }),
    { maxLength: 40 },
  ),
  merges: fc.uniqueArray(fc.tuple(fc.constantFrom('x1', 'x2'), fc.constantFrom('u1', 'u2')), {
    selector: ([previous]) => previous,
    maxLength: 2,
  }),
  isRaw: fc.boolean(),
});
type Stream = typeof stream extends fc.Arbitrary<infer T> ? T : never;

/** Days from the first of the range on local calendars: negative before it. */
function dayOf(zone: string, firstDate: string, at: number): number {
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone: zone }).format(at);
  return (Date.parse(date) - Date.parse(firstDate)) / DAY_MS;
}

function minutesPastHour(zone: string, at: number): number {
  return Number(new Intl.DateTimeFormat('en-US', { timeZone: zone, minute: 'numeric' }).format(at));
}

const shifted = (date: string, days: number): string =>
  new Date(Date.parse(date) + days * DAY_MS).toISOString().slice(0, 10);

/** Lands a stream; what was done as people, merges applied, with local days. */
async function land({ place: [zone, date], doings, merges }: Stream) {
  const project = await api.createProject();
  const base = Date.parse(date);
  const events = doings.map((doing) => ({ ...doing, at: base + doing.at }));
  if (events.length > 0) {
    await api.land(
      project.projectId,
      events.map(({ at, who, name, plan }) => ({
        at,
        event: name,
        properties: { plan },
        ...(who.startsWith('x') ? { anonymousId: who } : { userId: who }),
      })),
    );
  }
  for (const [previous, user] of merges) await api.merge(project.projectId, previous, user);
  const personOf = new Map(merges);
  const done = events
    .map((doing) => ({
      ...doing,
      who: personOf.get(doing.who as 'x1') ?? doing.who,
      day: dayOf(zone, date, doing.at),
    }))
    .sort((a, b) => a.at - b.at);
  return { project, done };
}
type Done = Awaited<ReturnType<typeof land>>['done'];

async function ask<T>(project: Project, query: Record<string, unknown>): Promise<T> {
  const response = await api.ask(project.key, query);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<T>();
}

async function countPeople(project: Project, query: unknown, point: unknown): Promise<number> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}` },
    payload: { query, point } as object,
  });
  expect(response.statusCode, response.body).toBe(200);
  const { people, total } = response.json<{ people: unknown[]; total: number }>();
  expect(people).toHaveLength(total);
  return total;
}

function byPerson(done: Done): Done[] {
  const people = new Map<string, Done>();
  for (const doing of done) people.set(doing.who, [...(people.get(doing.who) ?? []), doing]);
  return [...people.values()];
}

const RAW = { property: 'nothing', operator: 'is_not_set' };
const PRO = { property: 'plan', operator: 'is', values: ['pro'] };

const RUNS = { numRuns: 20 };
/** Each run lands events and asks some ten questions. */
const TIMEOUT_MS = 180_000;

const CLOCKS = ['calendar', 'elapsed_24h', 'elapsed_24h_floored'];
const MATCHES = ['on', 'on_or_after'];

it(
  'counts who comes back as a reading of each person alone does',
  async () => {
    const question = fc.record({
      start: fc.constantFrom('S', null),
      returns: fc.constantFrom('R', 'S', null),
      onlyPro: fc.boolean(),
      cohort: fc.constantFrom('recurring', 'first_touch', 'first_matching'),
      rows: fc.integer({ min: 1, max: 6 }),
      columns: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      checked: fc.integer({ min: 0, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(stream, question, async (given, asked) => {
        const [zone, date] = given.place;
        const { project, done } = await land(given);
        const { rows, columns, cohort } = asked;
        const forms = CLOCKS.flatMap((clock) => MATCHES.map((match) => ({ clock, match })));
        for (const [form, { clock, match }] of forms.entries()) {
          const query = {
            kind: 'retention',
            start: { event: asked.start, filters: asked.onlyPro ? [PRO] : [] },
            return: { event: asked.returns },
            cohort,
            match,
            clock,
            from: date,
            to: shifted(date, rows - 1),
            timezone: zone,
            filters: given.isRaw ? [RAW] : [],
            ...(columns === undefined ? {} : { columns }),
          };
          const answer = await ask<RetentionAnswer>(project, query);
          const expected = expectedRetention(done, { ...asked, clock, match }, zone);
          expect(
            answer.rows.map(({ cells }) => cells.map(({ users }) => users)),
            `${clock}, ${match}`,
          ).toEqual(expected);
          if (form !== asked.checked) continue;
          for (const [row, cells] of expected.entries()) {
            const column = cells.length - 1;
            const point = { row: answer.rows[row]!.start, column };
            expect(await countPeople(project, query, point)).toBe(cells[column]);
            expect(await countPeople(project, query, { ...point, returned: false })).toBe(
              cells[0]! - cells[column]!,
            );
          }
        }
      }),
      RUNS,
    );
  },
  TIMEOUT_MS,
);

interface RetentionAsked {
  start: string | null;
  returns: string | null;
  onlyPro: boolean;
  cohort: string;
  match: string;
  clock: string;
  rows: number;
  columns: number | undefined;
}

function expectedRetention(done: Done, asked: RetentionAsked, zone: string): number[][] {
  const { rows, columns, match } = asked;
  const lastPlace = columns === undefined ? rows - 1 : rows - 1 + columns - 1;
  return Array.from({ length: rows }, (_row, row) =>
    Array.from({ length: columns ?? rows - row }, (_column, column) => {
      const inCell = byPerson(done).filter((own) => {
        const start = startIn(own, row, asked);
        if (start === undefined) return false;
        if (column === 0) return true;
        return own.some((doing) => {
          if (asked.returns !== null && doing.name !== asked.returns) return false;
          const offset = offsetOf(start, doing, asked.clock, zone);
          if (match === 'on') return offset === column;
          return offset >= column && row + offset <= lastPlace;
        });
      });
      return inCell.length;
    }),
  );
}

function startIn(
  own: Done,
  row: number,
  { start, onlyPro, cohort }: RetentionAsked,
): Done[number] | undefined {
  const isPro = (doing: Done[number]): boolean => !onlyPro || doing.plan === 'pro';
  const named = own.filter(({ name }) => start === null || name === start);
  if (cohort === 'recurring') return named.find((doing) => isPro(doing) && doing.day === row);
  const first =
    cohort === 'first_matching'
      ? named.find(isPro)
      : named.find((doing) => doing.at === named[0]!.at && isPro(doing));
  return first?.day === row ? first : undefined;
}

function offsetOf(start: Done[number], doing: Done[number], clock: string, zone: string): number {
  if (clock === 'calendar') return doing.day - start.day;
  const since =
    clock === 'elapsed_24h'
      ? start.at
      : start.at - minutesPastHour(zone, start.at) * 60_000 - (start.at % 60_000);
  return Math.floor((doing.at - since) / (24 * HOUR_MS));
}

it(
  'counts who is new, returns, comes back and is gone as a reading of each person alone does',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        stream,
        fc.constantFrom('S', null),
        fc.integer({ min: 1, max: 6 }),
        async (given, event, days) => {
          const [zone, date] = given.place;
          const { project, done } = await land(given);
          const query = {
            kind: 'lifecycle',
            event,
            from: date,
            to: shifted(date, days - 1),
            timezone: zone,
            filters: given.isRaw ? [RAW] : [],
          };
          const answer = await ask<LifecycleAnswer>(project, query);
          const people = byPerson(done.filter(({ name }) => event === null || name === event)).map((own) =>
            own.map(({ day }) => day),
          );
          const count = (test: (days: number[], day: number) => boolean): number[] =>
            Array.from({ length: days }, (_day, day) => people.filter((own) => test(own, day)).length);
          const states = {
            new: count((own, day) => Math.min(...own) === day),
            returning: count((own, day) => own.includes(day) && own.includes(day - 1)),
            resurrecting: count(
              (own, day) => own.includes(day) && !own.includes(day - 1) && Math.min(...own) < day,
            ),
            dormant: count((own, day) => !own.includes(day) && own.includes(day - 1)),
          };
          expect(answer).toMatchObject(states);
          const day = days - 1;
          for (const [state, counts] of Object.entries(states)) {
            const point = { bucket: answer.buckets[day]!.start, state };
            expect(await countPeople(project, query, point)).toBe(counts[day]);
          }
        },
      ),
      RUNS,
    );
  },
  TIMEOUT_MS,
);

it(
  'counts in how many days people were active as a reading of each person alone does',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        stream,
        fc.constantFrom('S', null),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (given, event, days, least) => {
          const [zone, date] = given.place;
          const { project, done } = await land(given);
          const query = {
            kind: 'stickiness',
            event,
            min_events: least,
            from: date,
            to: shifted(date, days - 1),
            timezone: zone,
            filters: given.isRaw ? [RAW] : [],
          };
          const answer = await ask<StickinessAnswer>(project, query);
          const activeDays = byPerson(done.filter(({ name }) => event === null || name === event)).map(
            (own) =>
              Array.from(
                { length: days },
                (_day, day) => own.filter((doing) => doing.day === day).length,
              ).filter((events) => events >= least).length,
          );
          const users = Array.from(
            { length: days },
            (_day, index) => activeDays.filter((active) => active === index + 1).length,
          );
          expect(answer.users).toEqual(users);
          expect(answer.cumulative[0]).toBe(users.reduce((sum, count) => sum + count, 0));
          expect(await countPeople(project, query, { periods: days })).toBe(users[days - 1]);
        },
      ),
      RUNS,
    );
  },
  TIMEOUT_MS,
);
