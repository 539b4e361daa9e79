import type pg from 'pg';
import type { JsonObject } from '../decode/json.js';
import { claimOf, resolve, type Claim } from './claims.js';
import { settleIdentities, writeIdentities, type IdentityChange } from './identities.js';
import type { PreparedMessage } from './prepare-batch.js';

/** What a batch adds to one person. */
interface ProfileDelta {
  firstSeenMs: number;
  lastSeenMs: number;
  events: number;
  counts: Map<string, number>;
  /** Currency -> ten-thousandths, so that sums stay exact. */
  revenue: Map<string, bigint>;
  traits: { at: number; values: JsonObject }[];
}

/**
 * Adds new messages to the profiles of their people and applies what they say about identities. The person is the user id,
 * or the anonymous id where there is none, after merges. Messages that name neither belong to nobody.
 */
export async function writeProfiles(
  client: pg.ClientBase,
  messages: readonly PreparedMessage[],
): Promise<IdentityChange[]> {
  const changes: IdentityChange[] = [];
  const byProject = new Map<number, PreparedMessage[]>();
  for (const message of messages) {
    const list = byProject.get(message.projectId);
    if (list === undefined) byProject.set(message.projectId, [message]);
    else list.push(message);
  }
  // In one order everywhere, so that two landings never wait for each other.
  for (const projectId of [...byProject.keys()].sort((a, b) => a - b)) {
    changes.push(...(await writeProjectProfiles(client, projectId, byProject.get(projectId)!)));
  }
  return changes;
}

async function writeProjectProfiles(
  client: pg.ClientBase,
  projectId: number,
  messages: readonly PreparedMessage[],
): Promise<IdentityChange[]> {
  const ids = new Set<string>();
  const claims: Claim[] = [];
  for (const message of messages) {
    const actor = actorOf(message);
    if (actor !== null) ids.add(actor);
    const claim = claimOf(message);
    if (claim !== undefined) claims.push(claim);
  }
  if (ids.size === 0) return [];
  const { identities, changed } = await settleIdentities(client, projectId, ids, claims);
  const changes = await writeIdentities(client, projectId, changed);

  const deltas = new Map<string, ProfileDelta>();
  for (const message of messages) {
    const actor = actorOf(message);
    if (actor === null) continue;
    addMessage(deltaOf(deltas, resolve(identities, actor)), message);
  }
  for (const row of await takeProfiles(client, projectId, [...changed.keys()])) {
    addProfile(deltaOf(deltas, resolve(identities, row.user_id)), row);
  }
  await upsertProfiles(client, projectId, deltas);
  return changes;
}

function actorOf(message: PreparedMessage): string | null {
  return message.userId ?? message.anonymousId;
}

function deltaOf(deltas: Map<string, ProfileDelta>, userId: string): ProfileDelta {
  let delta = deltas.get(userId);
  if (delta === undefined) {
    delta = {
      firstSeenMs: Infinity,
      lastSeenMs: -Infinity,
      events: 0,
      counts: new Map(),
      revenue: new Map(),
      traits: [],
    };
    deltas.set(userId, delta);
  }
  return delta;
}

function addMessage(delta: ProfileDelta, message: PreparedMessage): void {
  const { timestampMs, type, event, revenue, currency = '', traits } = message;
  delta.firstSeenMs = Math.min(delta.firstSeenMs, timestampMs);
  delta.lastSeenMs = Math.max(delta.lastSeenMs, timestampMs);
  delta.events += 1;
  add(delta.counts, type === 'track' ? event : type, 1);
  if (revenue !== undefined) {
    delta.revenue.set(currency, (delta.revenue.get(currency) ?? 0n) + toScaled(revenue));
  }
  if (traits !== undefined && Object.keys(traits).length > 0) {
    delta.traits.push({ at: timestampMs, values: traits });
  }
}

interface ProfileRow {
  user_id: string;
  first_seen: Date;
  last_seen: Date;
  events: string;
  counts: Record<string, number>;
  /** As text: a number of JSON would not keep every digit. */
  revenue: Record<string, string>;
  traits: JsonObject;
  traits_at: Date | null;
}

/** Removes the profiles of merged ids and returns what they held. */
async function takeProfiles(client: pg.ClientBase, projectId: number, ids: string[]): Promise<ProfileRow[]> {
  if (ids.length === 0) return [];
  const taken = await client.query<ProfileRow>({
    name: 'take-profiles',
    text: `delete from users where project_id = $1 and user_id = any ($2)
           returning user_id, first_seen, last_seen, events, counts, traits, traits_at,
             (select coalesce(json_object_agg(key, value), '{}') from jsonb_each_text(revenue)) as revenue`,
    values: [projectId, ids],
  });
  return taken.rows;
}

function addProfile(delta: ProfileDelta, row: ProfileRow): void {
  delta.firstSeenMs = Math.min(delta.firstSeenMs, row.first_seen.getTime());
  delta.lastSeenMs = Math.max(delta.lastSeenMs, row.last_seen.getTime());
  delta.events += Number(row.events);
  for (const [name, count] of Object.entries(row.counts)) add(delta.counts, name, count);
  for (const [currency, amount] of Object.entries(row.revenue)) {
    delta.revenue.set(currency, (delta.revenue.get(currency) ?? 0n) + toScaled(amount));
  }
  if (row.traits_at !== null) delta.traits.push({ at: row.traits_at.getTime(), values: row.traits });
}

async function upsertProfiles(
  client: pg.ClientBase,
  projectId: number,
  deltas: ReadonlyMap<string, ProfileDelta>,
): Promise<void> {
  const rows = [...deltas].map(([userId, delta]) => {
    const traits = delta.traits.sort((a, b) => a.at - b.at);
    return {
      user_id: userId,
      first_seen: delta.firstSeenMs,
      last_seen: delta.lastSeenMs,
      events: delta.events,
      counts: Object.fromEntries(delta.counts),
      revenue: Object.fromEntries([...delta.revenue].map(([key, scaled]) => [key, fromScaled(scaled)])),
      traits: Object.assign({}, ...traits.map(({ values }) => values)) as JsonObject,
      traits_at: traits.at(-1)?.at ?? null,
    };
  });
  // In key order: two landings that touch the same people take their rows in the same order.
  rows.sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
  await client.query({ name: 'upsert-profiles', text: UPSERT, values: [projectId, JSON.stringify(rows)] });
}

/** Adds the numbers of two objects, key by key. A function of SQL would be set up anew for each row, which takes longer. */
const sumOf = (column: 'counts' | 'revenue'): string => `
  u.${column} || (
    select coalesce(jsonb_object_agg(key, value::numeric + coalesce((u.${column} ->> key)::numeric, 0)), '{}')
    from jsonb_each_text(excluded.${column}))`;

const UPSERT = `
  insert into users as u (project_id, user_id, first_seen, last_seen, events, counts, revenue, traits, traits_at)
  select $1, user_id, to_timestamp(first_seen / 1000.0), to_timestamp(last_seen / 1000.0), events, counts,
    (select coalesce(jsonb_object_agg(key, value::numeric), '{}') from json_each_text(revenue)), traits,
    to_timestamp(traits_at / 1000.0)
  from json_to_recordset($2) as x (user_id text, first_seen bigint, last_seen bigint, events bigint, counts jsonb,
    revenue json, traits jsonb, traits_at bigint)
  on conflict (project_id, user_id) do update set
    first_seen = least(u.first_seen, excluded.first_seen),
    last_seen = greatest(u.last_seen, excluded.last_seen),
    events = u.events + excluded.events,
    counts = ${sumOf('counts')},
    revenue = case when excluded.revenue = '{}' then u.revenue else ${sumOf('revenue')} end,
    traits = case
      when excluded.traits_at is null then u.traits
      when u.traits_at is null or excluded.traits_at >= u.traits_at then u.traits || excluded.traits
      else excluded.traits || u.traits
    end,
    traits_at = greatest(u.traits_at, excluded.traits_at)`;

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}

/** Ten-thousandths of a decimal of at most four digits after the point. */
export function toScaled(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.replace('-', '').split('.');
  const scaled = BigInt(whole) * 10_000n + BigInt(fraction.slice(0, 4).padEnd(4, '0'));
  return decimal.startsWith('-') ? -scaled : scaled;
}

export function fromScaled(scaled: bigint): string {
  const size = scaled < 0n ? -scaled : scaled;
  return `${scaled < 0n ? '-' : ''}${size / 10_000n}.${String(size % 10_000n).padStart(4, '0')}`;
}
