import { createLogger, ensureProject } from '@sluice/service-kit';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { doUpkeep, type Pipeline } from '../src/index.js';
import { readAccount, readPeople, readRollups, send } from './erase-kit.js';
import { caughtUp, openStores, runPipeline, type Message, type Stores } from './kit.js';

const DAY_MS = 86_400_000;
/** Midnight of today. */
const TODAY_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;

describe('the retention of a project', () => {
  let stores: Stores;
  let pipeline: Pipeline;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
    pipeline = await runPipeline(stores, { maxRollupRestMs: 0 });
  });
  afterAll(async () => {
    await pipeline.stop();
    await stores.close();
  });

  let made = 0;
  function view(userId: string, atMs: number, event = 'View'): Message {
    made += 1;
    const time = atMs.toString(16).padStart(12, '0');
    return {
      type: 'track',
      event,
      userId,
      timestamp: new Date(atMs).toISOString(),
      messageId: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${made.toString(16).padStart(12, '0')}`,
    };
  }

  it('deletes what is older from every store, and takes no more of it', async () => {
    const { pool } = stores.postgres;
    const whole = { log: stores.log, projectId: await ensureProject(pool, 'whole') };
    const recent = { log: stores.log, projectId: await ensureProject(pool, 'recent') };
    const cutMs = TODAY_MS - 7 * DAY_MS;
    const old = [
      view('gone', cutMs - 3 * DAY_MS, 'Old'),
      view('both', cutMs - 600_000),
      view('both', cutMs - 2 * DAY_MS),
    ];
    const kept = [view('both', cutMs + 600_000), view('new', cutMs + DAY_MS)];
    const meta = { receivedAtMs: cutMs + 2 * DAY_MS };
    await send(whole, [...old, ...kept], meta);
    await send(recent, kept, meta);
    await caughtUp(stores);
    await pool.query('update projects set retention_days = 7 where project_id = $1', [whole.projectId]);
    const upkeep = { ...stores, pool, logger: createLogger('upkeep', 'silent') };
    expect(await doUpkeep(upkeep)).toBe(true);

    const [rollups, expected] = [
      await readRollups(stores, whole.projectId),
      await readRollups(stores, recent.projectId),
    ];
    // When somebody came first is known for as long as they come; the session at the cut keeps its name.
    for (const table of Object.keys(rollups)) {
      if (table === 'actors' || table === 'sessions' || table === 'events') {
        expect(rollups[table]).toHaveLength(expected[table]!.length);
      } else {
        expect(rollups[table]).toEqual(expected[table]);
      }
    }
    expect((await readPeople(stores, whole.projectId))['users']).toHaveLength(2);
    expect(await readAccount(stores, whole.projectId)).toMatchObject({
      logged: 5,
      landed: 2,
      erased: 3,
      rows: 2,
    });

    // Sent again, it is as old as it was.
    await send(whole, old);
    await caughtUp(stores);
    expect(await doUpkeep(upkeep)).toBe(true);
    expect(await readAccount(stores, whole.projectId)).toMatchObject({ landed: 2, erased: 6, rows: 2 });
  });
});
