import { BUILT_IN_EVENTS, checkPlan, validateMessage } from '@sluice/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrafficMessage } from './message.js';
import { activityAt } from './rhythm.js';
import { generateTraffic, type TrafficOptions } from './traffic.js';

const END_MS = Date.UTC(2026, 10, 22, 12);
const DAY_MS = 86_400_000;

function generate(options: Partial<TrafficOptions> = {}): TrafficMessage[] {
  return [
    ...generateTraffic({ seed: 1, events: 2_000, startMs: END_MS - 7 * DAY_MS, endMs: END_MS, ...options }),
  ];
}

describe('generateTraffic', () => {
  it('makes the same messages for the same options', () => {
    expect(generate()).toEqual(generate());
  });

  it('makes other messages for another seed', () => {
    const ids = new Set(generate({ seed: 1 }).map((message) => message.messageId));
    expect(generate({ seed: 2 }).filter((message) => ids.has(message.messageId))).toEqual([]);
  });

  it('makes other message ids when the same seed is used at another time', () => {
    const ids = new Set(generate().map((message) => message.messageId));
    const later = generate({ startMs: END_MS - 6 * DAY_MS, endMs: END_MS + DAY_MS });
    expect(later.filter((message) => ids.has(message.messageId))).toEqual([]);
  });

  it('makes exactly as many as asked, each with an id of its own, in order and inside the range', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(),
          events: fc.integer({ min: 1, max: 400 }),
          users: fc.integer({ min: 1, max: 60 }),
          hours: fc.integer({ min: 1, max: 24 * 14 }),
        }),
        ({ seed, events, users, hours }) => {
          const startMs = END_MS - hours * 3_600_000;
          const messages = generate({ seed, events, users, startMs });
          const times = messages.map((message) => Date.parse(message.timestamp));
          expect(messages).toHaveLength(events);
          expect(new Set(messages.map((message) => message.messageId)).size).toBe(events);
          expect(times).toEqual([...times].sort((a, b) => a - b));
          expect(times[0]).toBeGreaterThanOrEqual(startMs);
          expect(times.at(-1)).toBeLessThanOrEqual(END_MS);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('loses some people at each step from login to purchase', () => {
    const messages = generate({ events: 20_000 });
    const people = (event: string): number =>
      new Set(messages.filter((message) => message.event === event).map((message) => message.messageId)).size;
    const steps = ['Search', 'Click', 'Video', 'Purchase'].map(people);
    expect(steps).toEqual([...steps].sort((a, b) => b - a));
    expect(new Set(steps).size).toBe(4);
    expect(steps.at(-1)).toBeGreaterThan(0);
    expect(people('Login')).toBeGreaterThan(0);
  });

  it('keeps people anonymous until they log in, and has them identified from then on', () => {
    const messages = generate({ events: 5_000 });
    const identified = messages.filter((message) => message.type === 'identify');
    expect(identified.length).toBeGreaterThan(20);
    for (const { anonymousId, userId } of identified) {
      expect(userId).toBeDefined();
      const theirs = messages.filter((message) => message.anonymousId === anonymousId);
      expect(new Set(theirs.map((message) => message.userId ?? userId))).toEqual(new Set([userId]));
      expect(theirs[0]?.userId).toBeUndefined();
    }
    const loggedOut = messages.filter((message) => message.userId === undefined);
    expect(loggedOut.some((message) => message.event === 'Purchase')).toBe(false);
  });

  it('makes messages that the gateway accepts and track events that follow the built-in tracking plan', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        for (const message of generate({ seed, events: 300 })) {
          const sent: unknown = JSON.parse(JSON.stringify(message));
          expect(validateMessage(sent, { receivedAtMs: END_MS, batchSentAtMs: END_MS })).toBeUndefined();
          expect(checkPlan({}, sent)).toEqual([]);
        }
      }),
      { numRuns: 20 },
    );
    const names = new Set(generate().map((message) => message.event));
    expect(names).toEqual(new Set([undefined, ...Object.keys(BUILT_IN_EVENTS)]));
  });

  it('follows the day and the week: evenings over nights, weekends over Mondays', () => {
    const messages = generate({ events: 20_000, startMs: END_MS - 28 * DAY_MS, users: 400 });
    const localHour = (message: TrafficMessage): number =>
      Number(
        new Intl.DateTimeFormat('en-US', {
          hour: '2-digit',
          hourCycle: 'h23',
          timeZone: String(message.context['timezone']),
        }).format(Date.parse(message.timestamp)),
      );
    const hours = messages.map(localHour);
    const between = (from: number, to: number): number =>
      hours.filter((hour) => hour >= from && hour < to).length;
    expect(between(18, 22)).toBeGreaterThan(5 * between(1, 5));

    const weekdays = messages.map((message) => new Date(message.timestamp).getUTCDay());
    const on = (day: number): number => weekdays.filter((weekday) => weekday === day).length;
    expect(on(6)).toBeGreaterThan(1.2 * on(2));
    expect(activityAt(20, 6)).toBeGreaterThan(activityAt(4, 1));
  });

  it('tags the first page of an advertised visit with the campaign, in the address and in the context', () => {
    const tagged = generate({ events: 10_000 }).filter((message) => {
      const page = message.context['page'] as { search: string } | undefined;
      return message.type === 'page' && page?.search.includes('utm_source=') === true;
    });
    expect(tagged.length).toBeGreaterThan(20);
    for (const message of tagged) {
      const { search } = message.context['page'] as { search: string };
      const { source } = message.context['campaign'] as { source: string };
      expect(new URLSearchParams(search).get('utm_source')).toBe(source);
    }
  });
});
