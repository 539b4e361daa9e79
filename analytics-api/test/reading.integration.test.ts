import type {
  Audit,
  DeadLetterDetail,
  EventPage,
  Receipt,
  Status,
  TimelinePage,
  UserAnswer,
} from '@sluice/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, uuidV7, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2030-01-01T00:00:00Z');
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
});

async function get<T>(url: string): Promise<T> {
  const response = await api.get(project.key, url);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<T>();
}

describe('events', () => {
  const day = (n: number): string => new Date(Date.UTC(2024, 0, 1) + n * 86_400_000).toISOString();

  it('come newest first, page by page, each once, also when they happened at one instant', async () => {
    const instants = [400, 399, 399, 399, 200, 100, 50, 3, 3, 2, 1, 0];
    const { eventIds } = await api.land(
      project.projectId,
      instants.map((n) => ({ at: day(n), event: `e${n}`, userId: 'u' })),
    );
    const seen: string[] = [];
    const times: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: EventPage = await get(`/v1/events?limit=5${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(page.events.length).toBeLessThanOrEqual(5);
      seen.push(...page.events.map((event) => event.event_id));
      times.push(...page.events.map((event) => event.timestamp));
      cursor = page.next_cursor;
    }
    expect([...seen].sort()).toEqual([...eventIds].sort());
    expect(times).toEqual([...times].sort().reverse());
  });

  it('are found by name, type, ids and time, with what was stored of them', async () => {
    const sessionId = '11111111-1111-4111-8111-111111111111';
    await api.land(project.projectId, [
      { at: day(0), event: 'a', userId: 'u1', anonymousId: 'x', sessionId, properties: { size: 3 } },
      { at: day(1), event: 'b', anonymousId: 'x' },
      { at: day(2), event: 'a', type: 'page', userId: 'u2' },
    ]);
    const names = async (parameters: string): Promise<string[]> => {
      const { events } = await get<EventPage>(`/v1/events?${parameters}`);
      return events.map(({ timestamp, event }) => `${event}${timestamp.slice(8, 10)}`);
    };
    expect(await names('event=a')).toEqual(['a03', 'a01']);
    expect(await names('type=page')).toEqual(['a03']);
    expect(await names('user_id=u1')).toEqual(['a01']);
    expect(await names('anonymous_id=x')).toEqual(['b02', 'a01']);
    expect(await names(`session_id=${sessionId}`)).toEqual(['a01']);
    expect(await names(`from=${day(1)}&to=${day(2)}`)).toEqual(['b02']);
    const { events } = await get<EventPage>('/v1/events?user_id=u1');
    expect(events[0]).toMatchObject({
      session_id: sessionId,
      anonymous_id: 'x',
      message: { type: 'track', event: 'a', properties: { size: 3 } },
    });
  });
});

describe('a person', () => {
  beforeEach(async () => {
    await api.land(project.projectId, [
      { at: '2024-01-01T00:00:00Z', event: 'anonymous visit', anonymousId: 'a1' },
      { at: '2024-01-02T00:00:00Z', event: 'other device', anonymousId: 'a2' },
      { at: '2024-01-03T00:00:00Z', event: 'known visit', userId: 'u1', anonymousId: 'a1' },
      { at: '2024-01-04T00:00:00Z', event: 'a stranger', userId: 'u9', anonymousId: 'a1' },
    ]);
    await api.merge(project.projectId, 'a1', 'u1');
    await api.merge(project.projectId, 'a2', 'u1');
    await api.pool.query(
      `insert into users (project_id, user_id, first_seen, last_seen, events, counts, revenue, traits)
       values ($1, 'u1', '2024-01-01', '2024-01-03', 3, '{"known visit": 1}', '{"EUR": 12345678901234.5600}', '{"plan":"pro"}')`,
      [project.projectId],
    );
  });

  it.each(['u1', 'a1', 'a2'])('is found under %s, with statistics and merged ids', async (id) => {
    const user = await get<UserAnswer>(`/v1/users/${id}`);
    expect(user).toMatchObject({
      user_id: 'u1',
      asked_for: id,
      first_seen: '2024-01-01T00:00:00.000Z',
      events: 3,
      counts: { 'known visit': 1 },
      revenue: { EUR: '12345678901234.5600' },
      traits: { plan: 'pro' },
    });
    expect(user.identities.map(({ previous_id }) => previous_id)).toEqual(['a1', 'a2']);
  });

  it('has a timeline over all merged ids, and only those', async () => {
    const timeline = await get<TimelinePage>('/v1/users/a2/timeline?limit=2');
    expect(timeline.user_id).toBe('u1');
    expect(timeline.events.map(({ event }) => event)).toEqual(['known visit', 'other device']);
    const rest = await get<TimelinePage>(`/v1/users/u1/timeline?cursor=${timeline.next_cursor}`);
    expect(rest.events.map(({ event }) => event)).toEqual(['anonymous visit']);
    expect(rest.next_cursor).toBeNull();
  });

  it('who is nobody is not found', async () => {
    const response = await api.get(project.key, '/v1/users/nobody');
    expect(response.json()).toMatchObject({ code: 'user_not_found', status: 404 });
  });
});

describe('a receipt', () => {
  const at = Date.parse('2024-05-05T05:05:05.005Z');
  const receipt = async (id: string, parameters = ''): Promise<Receipt> =>
    get<Receipt>(`/v1/receipts/${encodeURIComponent(id)}${parameters}`);

  it('says landed, then rolled up, for an id that is a UUIDv7 and for any other', async () => {
    const v7 = uuidV7(at);
    const events = [
      { at, userId: 'u', eventId: v7, messageId: v7.toUpperCase() },
      { at, userId: 'u', messageId: 'any/other id' },
    ];
    await api.land(project.projectId, events, { pending: true });
    expect(await receipt(v7.toUpperCase())).toMatchObject({ state: 'landed', event_id: v7, duplicates: 0 });
    expect(await receipt('any/other id')).toMatchObject({ state: 'landed' });
    expect(await receipt('any/other id', `?timestamp=2024-05-05T05:05:05.005Z`)).toMatchObject({
      state: 'landed',
    });
    await api.pool.query(`update batches set state = 'done' where state = 'pending'`);
    expect(await receipt(v7)).toMatchObject({ state: 'rolled_up' });

    await api.land(project.projectId, [{ at, userId: 'u', messageId: 'rolled' }]);
    expect(await receipt('rolled')).toMatchObject({
      state: 'rolled_up',
      timestamp: '2024-05-05T05:05:05.005Z',
    });
  });

  it('says accepted while the log has the message and landing has not', async () => {
    await api.log.append([{ partition: 1, key: 'k', headers: {}, value: new Uint8Array([1]) }]);
    const [, end] = await api.log.endOffsets();
    expect(await receipt('on its way', `?watermark=1:${end}`)).toMatchObject({ state: 'accepted' });
    await api.pool.query(`update log_offsets set next_offset = $1 where "partition" = 1`, [end]);
    const response = await api.get(project.key, `/v1/receipts/on its way?watermark=1:${end}`);
    expect(response.json()).toMatchObject({ code: 'receipt_not_found', retryable: true });
  });

  it('counts further sends, and shows why a message was dead-lettered', async () => {
    await api.land(project.projectId, [{ at, userId: 'u', messageId: 'twice' }]);
    await api.pool.query(
      `insert into duplicates (project_id, event_id, message_id, log_id, "partition", log_offset, received_at)
       select $1, gen_random_uuid(), 'twice', $2, 0, n, now() from generate_series(1, 2) as n`,
      [project.projectId, api.log.id],
    );
    expect(await receipt('twice')).toMatchObject({ state: 'rolled_up', duplicates: 2, dead_letters: [] });

    await insertDeadLetter('broken', Buffer.from('{"type":"nonsense"}'));
    expect(await receipt('broken')).toMatchObject({
      state: 'dead_lettered',
      event_id: null,
      dead_letters: [{ code: 'unknown_type', field: '/type' }],
    });
  });
});

async function insertDeadLetter(messageId: string, bytes: Buffer): Promise<void> {
  await api.pool.query(
    `insert into dead_letters (project_id, source, code, message, field, message_id, log_id, "partition", log_offset,
       record_index, headers, bytes)
     values ($1, 'gateway', 'unknown_type', 'No such type.', '/type', $2, 'l', 0, 7, 0, '{"h":"1"}', $3)`,
    [project.projectId, messageId, bytes],
  );
}

describe('dead letters', () => {
  it('are listed newest first, page by page, and shown with every byte', async () => {
    await insertDeadLetter('m1', Buffer.from('text'));
    await insertDeadLetter('m2', Buffer.from([0xff, 0x00, 0x01]));
    const first = await get<{ dead_letters: DeadLetterDetail[]; next_cursor: string }>(
      '/v1/dead-letters?limit=1',
    );
    expect(first.dead_letters.map(({ message_id }) => message_id)).toEqual(['m2']);
    const second = await get<{ dead_letters: DeadLetterDetail[]; next_cursor: null }>(
      `/v1/dead-letters?limit=1&cursor=${first.next_cursor}`,
    );
    expect(second.dead_letters.map(({ message_id }) => message_id)).toEqual(['m1']);
    expect(second.next_cursor).toBeNull();

    const binary = await get<DeadLetterDetail>(`/v1/dead-letters/${first.dead_letters[0]!.dead_letter_id}`);
    expect(binary).toMatchObject({
      bytes_utf8: null,
      bytes_base64: '/wAB',
      size_bytes: 3,
      headers: { h: '1' },
    });
    const text = await get<DeadLetterDetail>(`/v1/dead-letters/${second.dead_letters[0]!.dead_letter_id}`);
    expect(text.bytes_utf8).toBe('text');
  });
});

describe('the audit', () => {
  const range = '?from=2024-06-01T00:00:00Z&to=2024-06-02T00:00:00Z';
  const events = [0, 1, 61].map((n) => ({
    at: Date.parse('2024-06-01T10:00:00Z') + n * 1_000,
    userId: `u${n}`,
    event: 'x',
  }));

  it('balances when the ledger, the rows and every rollup agree, batches on their way included', async () => {
    await api.land(project.projectId, events);
    await api.land(project.projectId, [{ at: '2024-06-01T10:00:30Z', userId: 'late' }], { pending: true });
    const audit = await get<Audit>(`/v1/audit${range}&minutes=true`);
    expect(audit).toMatchObject({
      balanced: true,
      totals: { logged: 4, landed: 4, raw_rows: 4, pending_rows: 1, columnar_rows: 3 },
      rollups: { events: 3, receipts_1m: 3, counts_15m: 3, user_days: 3, active_days: 3, balanced: true },
      unbalanced_minutes: [],
    });
    expect(audit.minutes!.map(({ minute, landed }) => [minute, landed])).toEqual([
      ['2024-06-01T10:00:00.000Z', 3],
      ['2024-06-01T10:01:00.000Z', 1],
    ]);
    await api.pool.query(`update batches set state = 'done' where state = 'pending'`);
    expect((await get<Audit>(`/v1/audit${range}`)).unbalanced_minutes).toHaveLength(1);
  });

  it('shows the minute in which a row is missing, wherever it is missing', async () => {
    await api.land(project.projectId, events);
    await api.pool.query(
      `update ledger set logged = logged + 1 where project_id = $1 and minute = '2024-06-01T10:01Z'`,
      [project.projectId],
    );
    await api.pool.query(
      `delete from events where project_id = $1 and "timestamp" = '2024-06-01T10:00:00Z'`,
      [project.projectId],
    );
    const audit = await get<Audit>(`/v1/audit${range}`);
    expect(audit.balanced).toBe(false);
    expect(audit.unbalanced_minutes.map(({ minute, difference }) => [minute, difference])).toEqual([
      ['2024-06-01T10:00:00.000Z', { ledger: 0, raw: -1, columnar: 0 }],
      ['2024-06-01T10:01:00.000Z', { ledger: 1, raw: 0, columnar: 0 }],
    ]);
  });

  it.each([
    ['counts_15m', { event: 'x', type: 'track', is_bot: false, bucket: 0 }],
    ['active_days', { is_bot: false, day: '2024-06-01', actor_hash: 1, slots_am: 1, slots_pm: 0 }],
  ])('shows that %s has counted too much', async (table, row) => {
    await api.land(project.projectId, events);
    await api.clickhouse.client.insert({
      table: `${api.database}.${table}`,
      format: 'JSONEachRow',
      values: [{ project_id: project.projectId, events: 1, ...row }],
    });
    const audit = await get<Audit>(`/v1/audit${range}`);
    expect(audit).toMatchObject({
      balanced: false,
      totals: { balanced: true },
      rollups: { [table]: 4, events: 3 },
    });
  });
});

describe('the gaps of devices', () => {
  const range = '?from=2024-06-01T00:00:00Z&to=2024-06-02T00:00:00Z';

  async function addStream(
    projectId: number,
    stream: string,
    partition: number,
    counts: { landed: number; refused?: number; last_seq: number; dropped?: number; at?: string },
  ): Promise<void> {
    const { landed, refused = 0, last_seq, dropped = 0, at = '2024-06-01T10:00:00Z' } = counts;
    await api.pool.query(
      `insert into streams (project_id, stream, log_id, "partition", device_id, landed, refused, last_seq, dropped, last_received_at)
       values ($1, $2, 'log', $3, $4, $5, $6, $7, $8, $9)`,
      [projectId, stream, partition, `device of ${stream}`, landed, refused, last_seq, dropped, at],
    );
  }

  it('are what was numbered and neither landed, nor refused, nor given up by the device', async () => {
    await addStream(project.projectId, 'whole', 0, { landed: 3, last_seq: 9 });
    await addStream(project.projectId, 'whole', 1, { landed: 4, refused: 1, last_seq: 10, dropped: 2 });
    await addStream(project.projectId, 'torn', 0, { landed: 5, last_seq: 8 });
    // A repeated send that was refused both times must not hide the gap of another.
    await addStream(project.projectId, 'refused twice', 0, { landed: 0, refused: 2, last_seq: 1 });
    await addStream(project.projectId, 'earlier', 0, { landed: 1, last_seq: 5, at: '2024-05-01T00:00:00Z' });
    const other = await api.createProject();
    await addStream(other.projectId, 'of another project', 0, { landed: 1, last_seq: 5 });

    const { devices } = await get<Audit>(`/v1/audit${range}`);
    expect(devices).toEqual({
      streams: 3,
      sent: 19,
      landed: 12,
      refused: 3,
      dropped: 2,
      missing: 3,
      gaps: [
        {
          stream: 'torn',
          device_id: 'device of torn',
          sent: 8,
          landed: 5,
          refused: 0,
          dropped: 0,
          missing: 3,
          last_received_at: '2024-06-01T10:00:00.000Z',
        },
      ],
    });
  });
});

describe('the audit for the metrics', () => {
  it('names the project that does not balance, and only that', async () => {
    const now = Date.now();
    const other = await api.createProject();
    await api.land(project.projectId, [{ at: now, userId: 'u' }]);
    await api.land(other.projectId, [{ at: now, userId: 'u' }]);
    await api.pool.query(`update ledger set logged = logged + 2 where project_id = $1`, [project.projectId]);
    await api.auditor.runOnce();
    const metrics = await api.registry.metrics();
    expect(metrics).toContain(`sluice_audit_unbalanced{project_id="${project.projectId}"} 2`);
    expect(metrics).toContain(`sluice_audit_unbalanced{project_id="${other.projectId}"} 0`);
    expect(metrics).toContain('sluice_audit_failures_total 0');
  });
});

describe('the status', () => {
  it('says how fresh answers are and what is on its way', async () => {
    await api.pool.query(
      `insert into spools (gateway_id, oldest_receipt_at, messages) values ('g', '2024-01-01T00:00:00Z', 12)`,
    );
    const status = await get<Status>('/v1/status');
    expect(status).toMatchObject({
      complete_through: '2024-01-01T00:00:00.000Z',
      spooled_messages: 12,
      generation: 1,
      pending_batches: 0,
    });
    expect(status.lag_seconds).toBeGreaterThan(0);
    await api.pool.query(`delete from spools`);
  });
});
