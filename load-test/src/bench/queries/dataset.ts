import type { ClickHouse } from '@sluice/warehouse';

/**
 * A made-up site: visits of a few events each, people and pages by power laws, a rhythm of hours and weekdays, a peak and a
 * slump, late events, people who turn out to be one, and a week in which clocks change. The same numbers every time: all
 * chance comes from hashes of row numbers.
 */
export interface DatasetOptions {
  clickhouse: ClickHouse;
  /** ClickHouse database with the tables of a generation. */
  database: string;
  projectId: number;
  events: number;
  users: number;
  onProgress: (rows: number) => void;
}

export const DAYS = 60;
/** Monday. The last Sunday of October, on which clocks in Berlin go back, is within. */
export const FIRST_DAY = '2025-09-15';
export const TIMEZONE = 'Europe/Berlin';
const PEAK_DAY = 23;
const SLUMP_DAY = 44;
const EVENTS_PER_VISIT = 6;
const CHUNK = 500_000;
/** Every so many users was first seen under an anonymous id. */
const MERGED_EVERY = 50;

/** How much goes on on each day: weekends are quiet; one day is three times, one a third of what it should be. */
function dayWeights(): number[] {
  return Array.from({ length: DAYS }, (_none, day) => {
    const weekday = day % 7;
    const usual = weekday === 5 ? 0.7 : weekday === 6 ? 0.6 : 1;
    return usual * (day === PEAK_DAY ? 3 : day === SLUMP_DAY ? 1 / 3 : 1);
  });
}

function cumulative(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  let so = 0;
  return weights.map((weight) => (so += weight / sum));
}

/** A number in [0, 1) that follows from an expression. */
const chance = (of: string, salt: number): string => `(cityHash64(${of}, ${salt}) / 18446744073709551616.)`;
/** As the pipeline names people: by user id, or by anonymous id until there is one. */
const userId = (number: string): string => `concat('user-', lower(hex(cityHash64(${number}))))`;
const anonymousId = (number: string): string => `concat('anon-', lower(hex(cityHash64(${number}, 9))))`;
/** A UUID of version 8 whose first 48 bits are a time in milliseconds. */
const uuid = (ms: string, of: string, salt: number): string =>
  `reinterpretAsUUID(toUInt128(bitOr(bitShiftLeft(toUInt128(bitOr(bitShiftLeft(toUInt64(${ms}), 16), bitOr(32768, bitAnd(cityHash64(${of}, ${salt}), 4095)))), 64), toUInt128(bitOr(bitAnd(cityHash64(${of}, ${salt + 1}), 4611686018427387903), 9223372036854775808)))))`;

/** Fills the tables through the events table, as rolling up does, and merges their parts. */
export async function fillDataset(options: DatasetOptions): Promise<void> {
  const { clickhouse, database, events, onProgress } = options;
  for (let first = 0; first < events; first += CHUNK) {
    await clickhouse.client.command({
      query: insertSql(options, first, Math.min(CHUNK, events - first)),
      clickhouse_settings: {
        ...clickhouse.insertSettings,
        insert_deduplication_token: `bench/${first}`,
        max_execution_time: 0,
      },
    });
    onProgress(Math.min(first + CHUNK, events));
  }
  await clickhouse.client.command({
    query: `insert into ${database}.identities
      select ${options.projectId}, ${anonymousId('u')}, ${userId('u')}, 1
      from (select toUInt32(number * ${MERGED_EVERY}) as u from numbers(${Math.ceil(options.users / MERGED_EVERY)}))`,
  });
  for (const table of [
    'events',
    'counts_15m',
    'user_days',
    'active_days',
    'actors',
    'sessions',
    'identities',
  ]) {
    await clickhouse.client.command({
      query: `optimize table ${database}.${table} final`,
      clickhouse_settings: { max_execution_time: 0 },
    });
  }
}

function insertSql({ database, projectId, users }: DatasetOptions, first: number, count: number): string {
  const startMs = Date.parse(`${FIRST_DAY}T00:00:00Z`);
  return `
insert into ${database}.events (
  project_id, event_id, batch_id, received_at, timestamp, type, event, message_id, anonymous_id, user_id, actor_id,
  session_id, is_bot, properties, page_url, page_path, channel, referrer_domain, utm_source, utm_campaign, browser, os,
  device_type, country, locale, library, revenue, currency)
with
  toUInt32(number) as n,
  intDiv(n, ${EVENTS_PER_VISIT}) as visit,
  n % ${EVENTS_PER_VISIT} as k,
  ${chance('visit', 1)} as r_user, ${chance('visit', 2)} as r_day, ${chance('visit', 3)} as r_hour,
  ${chance('n', 4)} as r_event, ${chance('n', 5)} as r_value, ${chance('visit', 6)} as r_bot, ${chance('n', 7)} as r_late,
  toUInt32(${users} * pow(r_user, 1.6)) as u,
  arrayFirstIndex(x -> x > r_day, [${cumulative(dayWeights()).join(', ')}]) - 1 as day,
  -- Most of a day's visits come around its middle.
  ${startMs} + toInt64(day) * 86400000 + toInt64(86400000 * (0.5 + asin(2 * r_hour - 1) / pi())) as visit_ms,
  visit_ms + k * 40000 + toInt64(r_event * 30000) as at_ms,
  multiIf(k = 0, 'Login', k = 1, 'Search', k = 2, 'Click', k = 4 and r_event < 0.5, 'Video', k = 5 and r_event < 0.3, 'Purchase', '') as name,
  u % ${MERGED_EVERY} = 0 and day < 20 as is_anonymous,
  if(is_anonymous, ${anonymousId('u')}, '') as anon,
  if(is_anonymous, '', ${userId('u')}) as usr,
  toUInt32(2000 * pow(r_value, 4)) as page,
  toDecimal64(5 + 200 * r_value, 2) as amount
select
  ${projectId}, ${uuid('at_ms', 'n', 11)}, intDiv(n, 10000),
  -- Three in a hundred come hours late.
  fromUnixTimestamp64Milli(at_ms + if(r_late < 0.03, toInt64(r_late * 1000000000), 500), 'UTC'),
  fromUnixTimestamp64Milli(at_ms, 'UTC'),
  if(name = '', 'page', 'track'), name, concat('m-', toString(n)), anon, usr, if(usr = '', anon, usr),
  ${uuid('visit_ms', 'visit', 13)}, r_bot < 0.01,
  if(name = 'Purchase',
    concat('{"amount":', toString(amount), ',"currency":"EUR","plan":"', ['free', 'pro', 'team'][1 + u % 3], '"}'),
    concat('{"query":"q', toString(toUInt32(1000 * pow(r_value, 3))), '","position":', toString(toUInt32(10 * r_event)), '}')
  )::JSON(max_dynamic_paths = 32),
  concat('https://shop.example/p/', toString(page)), concat('/p/', toString(page)),
  ['direct', 'search', 'social', 'email', 'referral'][1 + visit % 5],
  ['', 'google.com', 'facebook.com', '', 'news.example'][1 + visit % 5],
  ['', '', 'facebook', 'newsletter', ''][1 + visit % 5], if(visit % 5 = 3, concat('week-', toString(intDiv(day, 7))), ''),
  ['Chrome', 'Safari', 'Firefox', 'Edge'][1 + toUInt8(4 * pow(${chance('u', 15)}, 2))],
  ['Windows', 'macOS', 'Android', 'iOS', 'Linux'][1 + toUInt8(5 * pow(${chance('u', 16)}, 2))],
  ['desktop', 'mobile', 'tablet'][1 + toUInt8(3 * pow(${chance('u', 17)}, 2))],
  ['DE', 'US', 'FR', 'GB', 'IN', 'BR', 'JP', 'ES', 'IT', 'NL', 'PL', 'SE', 'AT', 'CH', 'CA', 'AU'][1 + toUInt8(16 * pow(${chance('u', 18)}, 2))],
  'de-DE', '@sluice/sdk', if(name = 'Purchase', toDecimal64(amount, 4), null), if(name = 'Purchase', 'EUR', '')
from numbers(${first}, ${count})`;
}
