import type { Status, TrendsAnswer } from '@sluice/contracts';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

beforeAll(async () => {
  api = await openApiFixture({ liveHeartbeatMs: 50 });
  await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
  await api.pool.query('delete from log_offsets');
  await api.pool.query('delete from batches');
  await api.pool.query('delete from spools');
});

const T = (second: number): string => new Date(Date.UTC(2024, 0, 1) + second * 1_000).toISOString();

async function completeThrough(): Promise<string | null> {
  return (await api.get(project.key, '/v1/status')).json<Status>().complete_through;
}

describe('complete_through', () => {
  it('is not known before every partition says something', async () => {
    expect(await completeThrough()).toBeNull();
    await api.completeThrough(T(100));
    expect(await completeThrough()).toBe(T(100));
    await api.pool.query(`update log_offsets set complete_through = null where "partition" = 1`);
    expect(await completeThrough()).toBeNull();
    await api.pool.query(`delete from log_offsets where "partition" = 1`);
    expect(await completeThrough()).toBeNull();
  });

  it('is that of the slowest partition', async () => {
    await api.completeThrough(T(100));
    await api.pool.query(`update log_offsets set complete_through = $1 where "partition" = 1`, [T(50)]);
    expect(await completeThrough()).toBe(T(50));
  });

  it('is held back by a batch that is not rolled up', async () => {
    await api.completeThrough(T(100));
    await api.land(project.projectId, [{ at: T(10), receivedAt: T(40), userId: 'u' }], { pending: true });
    expect(await completeThrough()).toBe(T(40));
  });

  it('is held back by what a gateway has on disk, until landing has passed the moment of the drain', async () => {
    await api.completeThrough(T(100));
    await api.pool.query(
      `insert into spools (gateway_id, oldest_receipt_at, messages, updated_at) values ('g', $1, 3, $2)`,
      [T(20), T(90)],
    );
    expect(await completeThrough()).toBe(T(20));
    await api.pool.query(`update spools set messages = 0, updated_at = $1`, [T(110)]);
    expect(await completeThrough()).toBe(T(20));
    await api.completeThrough(T(111));
    expect(await completeThrough()).toBe(T(111));
  });
});

describe('wait_for', () => {
  async function appendTo(partition: number): Promise<number> {
    const [position] = await api.log.append([
      { partition, key: 'k', headers: {}, value: new Uint8Array([1]) },
    ]);
    return position!.offset + 1;
  }
  const query = { kind: 'trends', from: '2024-01-01', to: '2024-01-01', timezone: 'UTC' };

  it('holds the answer until the events below the watermark are in it', async () => {
    await api.completeThrough(T(0));
    const until = await appendTo(0);
    let isAnswered = false;
    const answer = api.ask(project.key, { ...query, wait_for: `0:${until}` }).then((response) => {
      isAnswered = true;
      return response;
    });
    await api.land(project.projectId, [{ at: T(10), userId: 'u' }], { pending: true, toOffset: until });
    await api.pool.query(`update log_offsets set next_offset = $1 where "partition" = 0`, [until]);
    // Landed, and not rolled up: still no answer, however often it looks.
    for (let n = 0; n < 20; n++) await api.pool.query('select 1');
    expect(isAnswered).toBe(false);
    await api.pool.query(`update batches set state = 'done'`);
    expect((await answer).statusCode).toBe(200);
  });

  it('gives up with an error when that takes too long', async () => {
    const until = await appendTo(1);
    const response = await api.ask(project.key, { ...query, wait_for: `1:${until}`, wait_timeout_ms: 50 });
    expect(response.statusCode).toBe(504);
    expect(response.json()).toMatchObject({ code: 'watermark_timeout', retryable: true });
  });

  it('answers at once for an empty watermark', async () => {
    const response = await api.ask(project.key, { ...query, wait_for: '' });
    expect(response.json<TrendsAnswer>().kind).toBe('trends');
  });
});

interface Stream {
  response: IncomingMessage;
  /** Resolves with all text so far as soon as it holds `part`. */
  until(part: string | RegExp): Promise<string>;
  close(): void;
}

async function openLive(headers: Record<string, string> = {}, parameters = ''): Promise<Stream> {
  const { port } = api.app.server.address() as AddressInfo;
  const asking = request({
    port,
    host: '127.0.0.1',
    path: `/v1/live${parameters}`,
    headers: { authorization: `Bearer ${project.key}`, ...headers },
  });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    response.emit('more');
  });
  response.on('error', () => undefined);
  return {
    response,
    async until(part) {
      const signal = AbortSignal.timeout(10_000);
      while (typeof part === 'string' ? !text.includes(part) : !part.test(text)) {
        await once(response, 'more', { signal });
      }
      return text;
    },
    close: () => asking.destroy(),
  };
}

describe('the live stream', () => {
  let offset = 1_000;
  const land = async (projectId: number, ...names: string[]): Promise<void> => {
    await api.land(
      projectId,
      names.map((event) => ({ at: T(1), event, userId: 'u' })),
      { toOffset: ++offset },
    );
  };

  it('brings new events of the project as they land, and no others', async () => {
    await land(project.projectId, 'before');
    await api.pool.query(`insert into log_offsets (log_id, "partition", next_offset) values ($1, 0, $2)`, [
      api.log.id,
      offset,
    ]);
    const other = await api.createProject();
    const stream = await openLive();
    expect(stream.response.headers['content-type']).toContain('text/event-stream');
    await stream.until(': alive');
    await land(other.projectId, 'of another');
    await land(project.projectId, 'first', 'second');
    await land(project.projectId, 'third');
    const text = await stream.until('"third"');
    expect(text).not.toContain('before');
    expect(text).not.toContain('of another');
    expect(text.indexOf('"first"')).toBeLessThan(text.indexOf('"second"'));
    stream.close();
  });

  it('goes on where it ended, missing nothing', async () => {
    const stream = await openLive();
    await land(project.projectId, 'one');
    const text = await stream.until(/id: \S+/);
    stream.close();
    await land(project.projectId, 'two');
    const resumed = await openLive({ 'last-event-id': /id: (\S+)/.exec(text)![1]! });
    await land(project.projectId, 'three');
    const rest = await resumed.until('"three"');
    expect(rest).toContain('"two"');
    expect(rest).not.toContain('"one"');
    resumed.close();
  });

  it('leaves out what was not asked for', async () => {
    const stream = await openLive({}, '?event=wanted');
    await land(project.projectId, 'unwanted');
    await land(project.projectId, 'wanted');
    expect(await stream.until('"wanted"')).not.toContain('unwanted');
    stream.close();
  });

  it('refuses a position that is none', async () => {
    const stream = await openLive({ 'last-event-id': 'nonsense' });
    expect(stream.response.statusCode).toBe(400);
    stream.close();
  });

  it('ends when the service stops', async () => {
    const stream = await openLive();
    const ended = once(stream.response, 'end', { signal: AbortSignal.timeout(10_000) });
    await stream.until('retry');
    await api.stop();
    await ended;
  });
});
