import { LogUnavailableError, type EventLog, type NewRecord, type Position } from '@sluice/event-log';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { basic, startGateway, until, type TestGateway } from './start-gateway.js';

/** A log that can be switched off, made to hang, and watched. */
function switchable(log: EventLog) {
  const state = { mode: 'up' as 'up' | 'down' | 'hanging', held: [] as (() => void)[] };
  const wrapped: EventLog = {
    ...log,
    async append(records: readonly NewRecord[]): Promise<Position[]> {
      if (state.mode === 'down') throw new LogUnavailableError('switched off');
      if (state.mode === 'hanging') await new Promise<void>((resolve) => state.held.push(resolve));
      return log.append(records);
    },
    async ping() {
      if (state.mode !== 'up') throw new LogUnavailableError('switched off');
    },
  };
  return { state, wrapped };
}

describe('while the log is down', () => {
  let t: TestGateway;
  let log: ReturnType<typeof switchable>;
  let spoolDir: string;

  const start = async (config: Parameters<typeof startGateway>[0]['config'] = {}) => {
    t = await startGateway({
      postgresUrl: inject('postgresUrl'),
      spoolDir,
      config,
      wrapLog(real) {
        log = switchable(real);
        return log.wrapped;
      },
    });
  };
  const message = (n: number) => ({
    type: 'track',
    event: 'e',
    userId: 'u1',
    messageId: `m${n}`,
    properties: { n },
  });
  const send = (n: number) => t.post('/v1/batch', { batch: [message(n)] });
  const loggedNumbers = async () =>
    (await t.readLog()).map(
      ({ text }) => (JSON.parse(text) as { batch: { properties: { n: number } }[] }).batch[0]!.properties.n,
    );

  beforeEach(async () => {
    spoolDir = await mkdtemp(join(tmpdir(), 'sluice-spool-'));
  });
  afterEach(async () => {
    await t.close();
    await rm(spoolDir, { recursive: true, force: true });
  });

  it('accepts events on disk, says so, and hands them to the log in order once it is back', async () => {
    await start();
    expect((await send(0)).json).toMatchObject({ durability: 'log' });
    log.state.mode = 'down';
    for (let n = 1; n <= 20; n++) {
      expect((await send(n)).json).toMatchObject({
        success: true,
        accepted: 1,
        durability: 'disk',
        watermark: null,
      });
    }
    const { rows } = await t.database.pool.query('select messages, oldest_receipt_at from spools');
    expect(rows).toHaveLength(1);
    expect(await t.registry.metrics()).toMatch(/sluice_gateway_spool_messages 20/);
    expect((await t.gateway.app.inject('/health/ready')).statusCode).toBe(200);

    log.state.mode = 'up';
    let n = 21;
    let last = await send(n);
    await until(async () => {
      last = await send(++n);
      return last.json.durability === 'log';
    }, 'events go to the log again');
    expect(await loggedNumbers()).toEqual(Array.from({ length: n + 1 }, (_, i) => i));
    await until(
      async () => (await t.database.pool.query('select 1 from spools where messages > 0')).rowCount === 0,
      'the spool is no longer announced',
    );
  });

  it('keeps rejected messages, too', async () => {
    await start();
    log.state.mode = 'down';
    expect((await t.post('/v1/t', { userId: 'u1' })).status).toBe(400);
    log.state.mode = 'up';
    await until(async () => (await t.readLog()).length === 1, 'the dead letter is in the log');
    expect((await t.readLog())[0]!.meta.kind).toBe('rejected');
  });

  it('gives up waiting for a log that hangs', async () => {
    await start({ appendTimeoutMs: 100 });
    log.state.mode = 'hanging';
    expect((await send(1)).json).toMatchObject({ durability: 'disk' });
    log.state.mode = 'up';
    for (const release of log.state.held.splice(0)) release();
    await until(async () => new Set(await loggedNumbers()).has(1), 'the event is in the log');
  });

  it('answers an honest 503 when the spool is full, too', async () => {
    await start({ spoolMaxBytes: 2_000 });
    log.state.mode = 'down';
    let answer = await send(0);
    let taken = 0;
    while (answer.status === 200) answer = await send(++taken);
    expect(taken).toBeGreaterThan(2);
    expect(answer).toMatchObject({ status: 503, json: { code: 'log_unavailable', retryable: true } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    log.state.mode = 'up';
    await until(async () => (await send(999)).json.durability === 'log', 'the spool is empty');
    expect((await loggedNumbers()).slice(0, taken)).toEqual(Array.from({ length: taken }, (_, i) => i));
  });

  it('keeps what it holds over a restart', async () => {
    await start();
    log.state.mode = 'down';
    for (let n = 0; n < 5; n++) await send(n);
    await t.close();
    await start();
    await until(async () => (await t.readLog()).length === 5, 'the events are in the log');
    expect(await loggedNumbers()).toEqual([0, 1, 2, 3, 4]);
  });

  it('refuses a directory that another gateway uses', async () => {
    await start();
    await expect(startGateway({ postgresUrl: inject('postgresUrl'), spoolDir })).rejects.toThrow(
      /in use by process/,
    );
  });

  it('keeps accepting with the keys it knows while Postgres is down', async () => {
    await start({ keyTtlMs: 1 });
    await send(0);
    const end = t.asGateway.pool.query.bind(t.asGateway.pool);
    t.asGateway.pool.query = () => Promise.reject(new Error('connection refused'));
    log.state.mode = 'down';
    expect((await send(1)).json).toMatchObject({ durability: 'disk' });
    const unknown = await t.post(
      '/v1/batch',
      { batch: [message(2)] },
      { authorization: basic('never seen') },
    );
    expect(unknown).toMatchObject({ status: 503, json: { code: 'store_unavailable' } });
    t.asGateway.pool.query = end;
  });
});

describe('a shutdown', () => {
  it('finishes what is inside, tells everybody else to go away, and leaves nothing behind', async () => {
    let log!: ReturnType<typeof switchable>;
    const t = await startGateway({
      postgresUrl: inject('postgresUrl'),
      wrapLog(real) {
        log = switchable(real);
        return log.wrapped;
      },
    });
    const port = await t.listen();
    const body = JSON.stringify({ batch: [{ type: 'track', event: 'e', userId: 'u', messageId: 'm' }] });
    const request = `POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: ${basic(t.writeKey)}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    log.state.mode = 'hanging';
    const inside = connect({ port, host: '127.0.0.1' });
    const waiting = connect({ port, host: '127.0.0.1' });
    await Promise.all([once(inside, 'connect'), once(waiting, 'connect')]);
    inside.write(request);
    // Half a request keeps the other connection open.
    waiting.write('POST /v1/batch HTTP/1.1\r\nhost: x\r\n');
    await until(() => log.state.held.length === 1, 'the append is on its way');

    const stopped = t.gateway.stop();
    waiting.write(`authorization: ${basic(t.writeKey)}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const [refused] = (await once(waiting, 'data')) as [Buffer];
    expect(refused.toString()).toContain('HTTP/1.1 503');
    expect(refused.toString()).toContain('"code":"shutting_down"');
    expect(refused.toString().toLowerCase()).toContain('connection: close');
    expect(refused.toString().toLowerCase()).toContain('retry-after:');

    const answered = once(inside, 'data') as Promise<[Buffer]>;
    log.state.mode = 'up';
    for (const release of log.state.held.splice(0)) release();
    expect((await answered)[0].toString()).toContain('"durability":"log"');
    await stopped;
    expect(await t.readLog()).toHaveLength(1);
    const late = connect({ port, host: '127.0.0.1' });
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    await t.close();
  });
});
