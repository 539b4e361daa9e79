import { openEventLog, type EventLog } from '@sluice/event-log';
import { createLogger, ensureProject } from '@sluice/service-kit';
import { migrateClickHouse, openClickHouse } from '@sluice/warehouse';
import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPipeline, readErasure, requestErasure } from '../src/index.js';
import { readAccount, readPeople, readRollups, send } from './erase-kit.js';
import { caughtUp, type Message } from './kit.js';
import type { KilledErasureArguments } from './killed-erasure.js';

const SCRIPT = fileURLToPath(new URL('./killed-erasure.ts', import.meta.url));
const START_MS = Date.now() - 86_400_000;

let made = 0;
function messagesOf(person: string, device = `${person}-phone`): Message[] {
  const at = (n: number): Message => {
    made += 1;
    const ms = START_MS + n * 60_000;
    const time = ms.toString(16).padStart(12, '0');
    return {
      timestamp: new Date(ms).toISOString(),
      messageId: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${made.toString(16).padStart(12, '0')}`,
    };
  };
  return [
    { ...at(0), type: 'page', name: 'Home', anonymousId: device, properties: { path: '/' } },
    { ...at(1), type: 'identify', anonymousId: device, userId: person, traits: { name: person } },
    {
      ...at(2),
      type: 'track',
      event: 'Buy',
      userId: person,
      anonymousId: device,
      properties: { revenue: 5 },
    },
    { ...at(40), type: 'track', event: `Only ${person}`, userId: person },
  ];
}

describe('an erasure that is killed', () => {
  let postgres: TestDatabase;
  let log: EventLog;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-erase-crash-'));
    postgres = await createTestDatabase(inject('postgresUrl'));
    log = await openEventLog(`embedded:${join(dir, 'log')}`, { partitions: 2 });
  });
  afterAll(async () => {
    await log.close();
    await postgres.drop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Lands what the log has. The embedded engine is one process's at a time, so it is opened for it and closed. */
  async function land<T>(work: (stores: Reading) => Promise<T>): Promise<T> {
    const clickhouse = await openClickHouse(`embedded:${join(dir, 'clickhouse')}`);
    try {
      await migrateClickHouse(clickhouse, postgres.pool);
      const pipeline = await createPipeline({
        postgres,
        clickhouse,
        log,
        logger: createLogger('pipeline', 'silent'),
        registry: new Registry(),
        config: { lingerMs: 5 },
      });
      await caughtUp({ postgres, log });
      const result = await work({ postgres, clickhouse });
      await pipeline.stop();
      return result;
    } finally {
      await clickhouse.close();
    }
  }
  type Reading = Parameters<typeof readRollups>[0];

  async function run(erasureId: number, killAfter?: string): Promise<string | number | null> {
    const wanted: KilledErasureArguments = {
      postgresUrl: postgres.url,
      clickhouseUrl: `embedded:${join(dir, 'clickhouse')}`,
      erasureId,
      ...(killAfter === undefined ? {} : { killAfter }),
    };
    const child = fork(SCRIPT, [JSON.stringify(wanted)], {
      execArgv: ['--import', 'tsx', '--conditions', 'sluice-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return signal ?? code;
  }

  const steps = ['raw-written', 'raw', 'swept', 'counts_15m', 'sessions-deleted', 'actors', 'events'];

  it('is carried through by whoever comes next, wherever it was killed, with the same result', async () => {
    const meta = { receivedAtMs: START_MS + 7_200_000 };
    const whole = { log, projectId: await ensureProject(postgres.pool, 'whole') };
    const without = { log, projectId: await ensureProject(postgres.pool, 'without') };
    const others = [...messagesOf('ann'), ...messagesOf('bob')];
    await send(whole, [...others, ...messagesOf('gone')], meta);
    await send(without, others, meta);
    await land(async () => undefined);

    const erasureId = await requestErasure(postgres.pool, {
      projectId: whole.projectId,
      ids: ['gone-phone'],
      requestedBy: 'a test',
    });
    const ends: unknown[] = [];
    for (const step of steps) ends.push([step, await run(erasureId, step)]);
    expect(ends).toEqual(steps.map((step) => [step, 'SIGKILL']));
    // What comes meanwhile of the person stays out, and of others lands.
    const [more] = messagesOf('ann');
    const [late] = messagesOf('gone');
    await send(whole, [more!, late!], meta);
    await send(without, [more!], meta);
    await land(async () => undefined);
    expect(await run(erasureId)).toBe(0);

    expect(await readErasure(postgres.pool, erasureId)).toMatchObject({
      state: 'done',
      ids: [],
      receipt: { remaining: 0, erased: { postgres: { events: 4 } } },
    });
    await land(async (stores) => {
      expect(await readRollups(stores, whole.projectId)).toEqual(
        await readRollups(stores, without.projectId),
      );
      expect(await readPeople(stores, whole.projectId)).toEqual(await readPeople(stores, without.projectId));
      expect(await readAccount(stores, whole.projectId)).toMatchObject({
        logged: 14,
        landed: 9,
        erased: 5,
        rows: 9,
      });
    });
  }, 300_000);
});
