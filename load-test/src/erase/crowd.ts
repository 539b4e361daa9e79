import { createRandom } from '@sluice/models/random';

/** Somebody of many ids, who is going to be erased. */
export interface Person {
  userId: string;
  /** A user id of before, which was aliased. */
  formerId: string;
  /** Merged, merged later, and never merged: seen together with the user id only. */
  devices: [string, string, string];
}

export function idsOf({ userId, formerId, devices }: Person): string[] {
  return [userId, formerId, ...devices];
}

export type Message = Record<string, unknown>;

export interface Crowd {
  person: Person;
  /** Of everybody else, oldest first. */
  others: Message[];
  /** Of the person, oldest first. */
  own: Message[];
}

const DAY_MS = 86_400_000;
const EVENTS = ['View', 'View', 'Search', 'Add', 'Buy', 'Page'];

/** Weeks of many people, some of them merged from several devices, and of one more. The same seed and time, the same crowd. */
export function drawCrowd(options: { people: number; days: number; seed: number; nowMs: number }): Crowd {
  const { people, days, seed, nowMs } = options;
  const random = createRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
  /** A UUIDv7: it names the event in whichever project. */
  const idAt = (atMs: number): string => {
    const time = Math.floor(atMs).toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-8${hex(3)}-${hex(12)}`;
  };
  const at = (atMs: number): Message => ({ messageId: idAt(atMs), timestamp: new Date(atMs).toISOString() });
  const action = (atMs: number): Message => {
    const event = pick(EVENTS);
    const properties = { path: `/${pick(['a', 'b', 'c'])}`, n: Math.floor(random() * 10) };
    if (event === 'Page') return { ...at(atMs), type: 'page', name: 'Page', properties };
    const paid = event === 'Buy' ? { revenue: 10 + Math.floor(random() * 90), currency: 'EUR' } : {};
    return { ...at(atMs), type: 'track', event, properties: { ...properties, ...paid } };
  };

  function weeksOf({ userId, formerId, devices }: Person, pauseDays: number): Message[] {
    const startMs = nowMs - days * DAY_MS + random() * 14 * DAY_MS;
    const messages: Message[] = [
      { ...action(startMs), anonymousId: devices[0] },
      { ...action(startMs + 1_000), userId: formerId },
      {
        ...at(startMs + 2_000),
        type: 'identify',
        anonymousId: devices[0],
        userId,
        traits: { name: `Name of ${userId}`, email: `${userId}@example.com` },
      },
      { ...at(startMs + 3_000), type: 'alias', previousId: formerId, userId },
    ];
    for (let ms = startMs + DAY_MS; ms < nowMs - DAY_MS; ms += (0.2 + random() * pauseDays) * DAY_MS) {
      const who = pick([{ userId }, { anonymousId: devices[0] }, { userId, anonymousId: devices[2] }]);
      const actions = 1 + Math.floor(random() * 4);
      for (let n = 0; n < actions; n += 1) messages.push({ ...action(ms + n * 60_000), ...who });
    }
    // A second device that is known late.
    messages.push({ ...action(nowMs - 0.9 * DAY_MS), anonymousId: devices[1] });
    messages.push({ ...at(nowMs - 0.9 * DAY_MS + 1_000), type: 'identify', anonymousId: devices[1], userId });
    return messages;
  }

  const personOf = (name: string): Person => ({
    userId: `${name}-user`,
    formerId: `${name}-former`,
    devices: [`${name}-phone`, `${name}-laptop`, `${name}-tablet`],
  });
  const others = Array.from({ length: people }, (_none, n) =>
    weeksOf(personOf(`other${n}`), 3 + random() * 8),
  );
  const person = personOf(`erased${hex(8)}`);
  return { person, others: inOrder(others.flat()), own: inOrder(weeksOf(person, 4)) };
}

export function inOrder(messages: readonly Message[]): Message[] {
  return [...messages].sort((a, b) => String(a['timestamp']).localeCompare(String(b['timestamp'])));
}
