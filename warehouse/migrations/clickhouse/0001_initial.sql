-- One database, {db}, holds one generation of the rollups. {engine:…} and {on_cluster} are filled in by the migration runner:
-- plain engines on one node, replicated ones on a cluster. Every table that takes part in deduplication sets its window:
-- the default is 0, and a window counts parts, not inserts.

create table if not exists {db}.events {on_cluster}
(
  project_id      UInt32,
  event_id        UUID,
  batch_id        UInt64,
  received_at     DateTime64(3, 'UTC'),
  timestamp       DateTime64(3, 'UTC'),
  type            LowCardinality(String),
  event           LowCardinality(String),
  message_id      String,
  anonymous_id    String,
  user_id         String,
  -- user_id, or anonymous_id where there is none; later merges are applied by queries.
  actor_id        String,
  group_id        String,
  session_id      UUID,
  is_bot          Bool,
  -- Paths beyond the limit share a column, read as fast; each one within it is several files of a wide part.
  properties      JSON(max_dynamic_paths = 32),
  page_url        String,
  page_path       String,
  page_title      String,
  referrer        String,
  referrer_domain LowCardinality(String),
  channel         LowCardinality(String),
  utm_source      LowCardinality(String),
  utm_medium      LowCardinality(String),
  utm_campaign    LowCardinality(String),
  utm_term        LowCardinality(String),
  utm_content     LowCardinality(String),
  browser         LowCardinality(String),
  browser_version LowCardinality(String),
  os              LowCardinality(String),
  os_version      LowCardinality(String),
  device_type     LowCardinality(String),
  country         LowCardinality(String),
  region          LowCardinality(String),
  city            LowCardinality(String),
  locale          LowCardinality(String),
  library         LowCardinality(String),
  revenue         Nullable(Decimal(18, 4)),
  currency        LowCardinality(String),
  index by_message_id message_id type bloom_filter(0.001) granularity 1,
  index by_actor actor_id type bloom_filter(0.01) granularity 1,
  index by_anonymous anonymous_id type bloom_filter(0.01) granularity 1
)
engine = {engine:MergeTree}
partition by toYYYYMM(timestamp)
order by (project_id, event, timestamp, event_id)
settings {deduplication_window}, min_bytes_for_wide_part = 1073741824;

-- Rollups are cut by year: their keys find a range of time by themselves, and an import of many months makes few parts.

-- Counts and a uniques state by quarter of an hour, the grain that serves every time zone.
create table if not exists {db}.counts_15m {on_cluster}
(
  project_id UInt32,
  event      LowCardinality(String),
  type       LowCardinality(String),
  is_bot     Bool,
  bucket     DateTime('UTC'),
  events     SimpleAggregateFunction(sum, UInt64),
  actors     AggregateFunction(uniqCombined64, String)
)
engine = {engine:AggregatingMergeTree}
partition by toYear(bucket)
order by (project_id, event, type, is_bot, bucket)
settings {deduplication_window};

create materialized view if not exists {db}.counts_15m_from_events {on_cluster} to {db}.counts_15m as
select
  project_id, event, type, is_bot,
  toStartOfFifteenMinutes(timestamp) as bucket,
  count() as events,
  uniqCombined64State(actor_id) as actors
from {db}.events
group by project_id, event, type, is_bot, bucket;

-- Who did what on which UTC day, and in which of its 96 quarter-hours (two 48-bit masks): exact uniques in any time zone,
-- with identities applied when asked.
create table if not exists {db}.user_days {on_cluster}
(
  project_id UInt32,
  day        Date,
  event      LowCardinality(String),
  type       LowCardinality(String),
  is_bot     Bool,
  actor_id   String,
  slots_am   SimpleAggregateFunction(groupBitOr, UInt64),
  slots_pm   SimpleAggregateFunction(groupBitOr, UInt64),
  events     SimpleAggregateFunction(sum, UInt64)
)
engine = {engine:AggregatingMergeTree}
partition by toYear(day)
order by (project_id, event, day, actor_id, type, is_bot)
settings {deduplication_window};

create materialized view if not exists {db}.user_days_from_events {on_cluster} to {db}.user_days as
select
  project_id,
  toDate(timestamp) as day,
  event, type, is_bot, actor_id,
  groupBitOr(if(toHour(timestamp) < 12, bitShiftLeft(toUInt64(1), toUInt8(toHour(timestamp) * 4 + intDiv(toMinute(timestamp), 15))), toUInt64(0))) as slots_am,
  groupBitOr(if(toHour(timestamp) >= 12, bitShiftLeft(toUInt64(1), toUInt8((toHour(timestamp) - 12) * 4 + intDiv(toMinute(timestamp), 15))), toUInt64(0))) as slots_pm,
  count() as events
from {db}.events
group by project_id, day, event, type, is_bot, actor_id;

create table if not exists {db}.sessions {on_cluster}
(
  project_id   UInt32,
  session_id   UUID,
  actor_id     SimpleAggregateFunction(any, String),
  started_at   SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  ended_at     SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  events       SimpleAggregateFunction(sum, UInt64),
  pages        SimpleAggregateFunction(sum, UInt64),
  entry_path   AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
  exit_path    AggregateFunction(argMax, String, DateTime64(3, 'UTC')),
  channel      AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
  utm_source   AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
  utm_campaign AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
  country      AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
  device_type  AggregateFunction(argMin, String, DateTime64(3, 'UTC')),
  is_bot       SimpleAggregateFunction(max, UInt8)
)
engine = {engine:AggregatingMergeTree}
order by (project_id, session_id)
settings {deduplication_window};

create materialized view if not exists {db}.sessions_from_events {on_cluster} to {db}.sessions as
select
  project_id, session_id,
  any(events.actor_id) as actor_id,
  min(timestamp) as started_at,
  max(timestamp) as ended_at,
  count() as events,
  countIf(type in ('page', 'screen')) as pages,
  argMinState(page_path, timestamp) as entry_path,
  argMaxState(page_path, timestamp) as exit_path,
  argMinState(toString(events.channel), timestamp) as channel,
  argMinState(toString(events.utm_source), timestamp) as utm_source,
  argMinState(toString(events.utm_campaign), timestamp) as utm_campaign,
  argMinState(toString(events.country), timestamp) as country,
  argMinState(toString(events.device_type), timestamp) as device_type,
  max(toUInt8(events.is_bot)) as is_bot
from {db}.events
where session_id != toUUID('00000000-0000-0000-0000-000000000000')
group by project_id, session_id;

-- Rows by minute of receipt: what the audit compares with the ledger.
create table if not exists {db}.receipts_1m {on_cluster}
(
  project_id UInt32,
  minute     DateTime('UTC'),
  events     SimpleAggregateFunction(sum, UInt64)
)
engine = {engine:AggregatingMergeTree}
partition by toYear(minute)
order by (project_id, minute)
settings {deduplication_window};

create materialized view if not exists {db}.receipts_1m_from_events {on_cluster} to {db}.receipts_1m as
select project_id, toStartOfMinute(received_at) as minute, count() as events
from {db}.events
group by project_id, minute;

-- Merges: the newest version of an id wins, so that a repeated insert changes nothing.
create table if not exists {db}.identities {on_cluster}
(
  project_id  UInt32,
  previous_id String,
  user_id     String,
  version     UInt64
)
engine = {engine:ReplacingMergeTree(version)}
order by (project_id, previous_id);
