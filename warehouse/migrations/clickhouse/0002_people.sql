-- People are counted by a number in place of their id: 64 bits of a hash, which sets hold and compare several times as fast.
-- Every statement can be repeated after a crash: what is filled from events is dropped and made first. Nothing is rolled up
-- while this runs.

alter table {db}.events {on_cluster} add column if not exists
  -- 0: nobody.
  actor_hash UInt64 materialized if(actor_id = '', 0, sipHash64(actor_id)) after actor_id;

alter table {db}.events {on_cluster} materialize column actor_hash settings mutations_sync = 2;

-- What somebody did, in order: a page of it is read from one place. Takes the place of an index that only said where not
-- to look.
alter table {db}.events {on_cluster} add projection if not exists by_person (
  select project_id, actor_hash, timestamp, event_id, _part_offset
  order by project_id, actor_hash, timestamp, event_id
);
alter table {db}.events {on_cluster} materialize projection by_person settings mutations_sync = 2;
alter table {db}.events {on_cluster} drop index if exists by_actor;

drop view if exists {db}.counts_15m_from_events {on_cluster} sync;
drop view if exists {db}.user_days_from_events {on_cluster} sync;
drop view if exists {db}.active_days_from_user_days {on_cluster} sync;
drop view if exists {db}.actors_from_events {on_cluster} sync;
drop view if exists {db}.sessions_from_events {on_cluster} sync;
drop table if exists {db}.counts_15m {on_cluster} sync;
drop table if exists {db}.user_days {on_cluster} sync;
drop table if exists {db}.active_days {on_cluster} sync;
drop table if exists {db}.actors {on_cluster} sync;
drop table if exists {db}.sessions {on_cluster} sync;

-- Counts by quarter of an hour, the grain that serves every time zone.
create table {db}.counts_15m {on_cluster}
(
  project_id UInt32,
  event      LowCardinality(String),
  type       LowCardinality(String),
  is_bot     Bool,
  bucket     DateTime('UTC'),
  events     SimpleAggregateFunction(sum, UInt64)
)
engine = {engine:AggregatingMergeTree}
partition by toYear(bucket)
order by (project_id, event, type, is_bot, bucket)
settings {deduplication_window};

-- Who did what on which UTC day, and in which of its 96 quarter-hours (two 48-bit masks): exact uniques in any time zone,
-- with identities applied when asked.
create table {db}.user_days {on_cluster}
(
  project_id UInt32,
  event      LowCardinality(String),
  type       LowCardinality(String),
  is_bot     Bool,
  day        Date,
  actor_hash UInt64,
  slots_am   SimpleAggregateFunction(groupBitOr, UInt64),
  slots_pm   SimpleAggregateFunction(groupBitOr, UInt64),
  events     SimpleAggregateFunction(sum, UInt64)
)
engine = {engine:AggregatingMergeTree}
partition by toYear(day)
order by (project_id, event, day, actor_hash, type, is_bot)
settings {deduplication_window};

-- The same for all events together: what questions about being active at all read.
create table {db}.active_days {on_cluster}
(
  project_id UInt32,
  is_bot     Bool,
  day        Date,
  actor_hash UInt64,
  slots_am   SimpleAggregateFunction(groupBitOr, UInt64),
  slots_pm   SimpleAggregateFunction(groupBitOr, UInt64),
  events     SimpleAggregateFunction(sum, UInt64)
)
engine = {engine:AggregatingMergeTree}
partition by toYear(day)
order by (project_id, day, actor_hash, is_bot)
settings {deduplication_window};

-- Everyone who was ever seen: their id, and when they came first.
create table {db}.actors {on_cluster}
(
  project_id UInt32,
  actor_hash UInt64,
  actor_id   SimpleAggregateFunction(any, String),
  first_at   SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_at    SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  events     SimpleAggregateFunction(sum, UInt64)
)
engine = {engine:AggregatingMergeTree}
order by (project_id, actor_hash)
settings {deduplication_window};

-- One row for a session. `opened_on` is the day in the first 48 bits of its id: only an order that keeps new sessions
-- together; clocks of clients have a part in it, so no range may be cut by it. An event counts as an interaction unless it
-- only describes (identify, group, alias) or says `interactive: false`.
create table {db}.sessions {on_cluster}
(
  project_id   UInt32,
  opened_on    Date,
  session_id   UUID,
  started_at   SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  -- Of the last interaction.
  ended_at     SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  events       SimpleAggregateFunction(sum, UInt64),
  interactions SimpleAggregateFunction(sum, UInt64),
  pages        SimpleAggregateFunction(sum, UInt64),
  -- Who did its last event: somebody who signs in is known then.
  actor        SimpleAggregateFunction(max, Tuple(at DateTime64(3, 'UTC'), hash UInt64)),
  entry        SimpleAggregateFunction(min, Tuple(at DateTime64(3, 'UTC'), path String)),
  exit         SimpleAggregateFunction(max, Tuple(at DateTime64(3, 'UTC'), path String)),
  -- What its first event says of where it came from.
  source       SimpleAggregateFunction(min, Tuple(at DateTime64(3, 'UTC'), channel String, referrer_domain String,
                 utm_source String, utm_medium String, utm_campaign String)),
  client       SimpleAggregateFunction(min, Tuple(at DateTime64(3, 'UTC'), country String, device_type String,
                 browser String, os String)),
  is_bot       SimpleAggregateFunction(max, UInt8)
)
engine = {engine:AggregatingMergeTree}
order by (project_id, opened_on, session_id)
settings {deduplication_window};

insert into {db}.counts_15m
select project_id, event, type, is_bot, toStartOfFifteenMinutes(timestamp) as bucket, count() as events
from {db}.events
group by project_id, event, type, is_bot, bucket
settings max_execution_time = 0;

insert into {db}.user_days
select
  project_id, event, type, is_bot, toDate(timestamp) as day, actor_hash,
  groupBitOr(if(toHour(timestamp) < 12, bitShiftLeft(toUInt64(1), toUInt8(toHour(timestamp) * 4 + intDiv(toMinute(timestamp), 15))), toUInt64(0))) as slots_am,
  groupBitOr(if(toHour(timestamp) >= 12, bitShiftLeft(toUInt64(1), toUInt8((toHour(timestamp) - 12) * 4 + intDiv(toMinute(timestamp), 15))), toUInt64(0))) as slots_pm,
  count() as events
from {db}.events
group by project_id, event, type, is_bot, day, actor_hash
settings max_execution_time = 0;

insert into {db}.active_days
select project_id, is_bot, day, actor_hash, groupBitOr(slots_am), groupBitOr(slots_pm), sum(user_days.events)
from {db}.user_days
group by project_id, is_bot, day, actor_hash
settings max_execution_time = 0;

insert into {db}.actors
select project_id, actor_hash, any(events.actor_id), min(timestamp), max(timestamp), count()
from {db}.events
where actor_hash != 0
group by project_id, actor_hash
settings max_execution_time = 0;

insert into {db}.sessions
select
  project_id,
  toDate(fromUnixTimestamp64Milli(toInt64(bitShiftRight(reinterpretAsUInt64(reverse(substring(UUIDToNum(session_id), 1, 8))), 16)))) as opened_on,
  session_id,
  min(timestamp) as started_at,
  max(if(type in ('page', 'screen', 'track') and properties.interactive.:Bool is distinct from false, timestamp, toDateTime64(0, 3, 'UTC'))) as ended_at,
  count() as events,
  countIf(type in ('page', 'screen', 'track') and properties.interactive.:Bool is distinct from false) as interactions,
  countIf(type in ('page', 'screen')) as pages,
  max((timestamp, events.actor_hash)) as actor,
  min(if(page_path = '', (toDateTime64(4102444800, 3, 'UTC'), ''), (timestamp, page_path))) as entry,
  max(if(page_path = '', (toDateTime64(0, 3, 'UTC'), ''), (timestamp, page_path))) as exit,
  min((timestamp, toString(events.channel), toString(events.referrer_domain), toString(events.utm_source),
    toString(events.utm_medium), toString(events.utm_campaign))) as source,
  min((timestamp, toString(events.country), toString(events.device_type), toString(events.browser), toString(events.os))) as client,
  max(toUInt8(events.is_bot)) as is_bot
from {db}.events
where session_id != toUUID('00000000-0000-0000-0000-000000000000')
group by project_id, opened_on, session_id
settings max_execution_time = 0;

create materialized view {db}.counts_15m_from_events {on_cluster} to {db}.counts_15m as
select project_id, event, type, is_bot, toStartOfFifteenMinutes(timestamp) as bucket, count() as events
from {db}.events
group by project_id, event, type, is_bot, bucket;

create materialized view {db}.user_days_from_events {on_cluster} to {db}.user_days as
select
  project_id, event, type, is_bot, toDate(timestamp) as day, actor_hash,
  groupBitOr(if(toHour(timestamp) < 12, bitShiftLeft(toUInt64(1), toUInt8(toHour(timestamp) * 4 + intDiv(toMinute(timestamp), 15))), toUInt64(0))) as slots_am,
  groupBitOr(if(toHour(timestamp) >= 12, bitShiftLeft(toUInt64(1), toUInt8((toHour(timestamp) - 12) * 4 + intDiv(toMinute(timestamp), 15))), toUInt64(0))) as slots_pm,
  count() as events
from {db}.events
group by project_id, event, type, is_bot, day, actor_hash;

create materialized view {db}.active_days_from_user_days {on_cluster} to {db}.active_days as
select
  project_id, is_bot, day, actor_hash,
  groupBitOr(user_days.slots_am) as slots_am,
  groupBitOr(user_days.slots_pm) as slots_pm,
  sum(user_days.events) as events
from {db}.user_days
group by project_id, is_bot, day, actor_hash;

create materialized view {db}.actors_from_events {on_cluster} to {db}.actors as
select
  project_id, actor_hash, any(events.actor_id) as actor_id, min(timestamp) as first_at, max(timestamp) as last_at,
  count() as events
from {db}.events
where actor_hash != 0
group by project_id, actor_hash;

create materialized view {db}.sessions_from_events {on_cluster} to {db}.sessions as
select
  project_id,
  toDate(fromUnixTimestamp64Milli(toInt64(bitShiftRight(reinterpretAsUInt64(reverse(substring(UUIDToNum(session_id), 1, 8))), 16)))) as opened_on,
  session_id,
  min(timestamp) as started_at,
  max(if(type in ('page', 'screen', 'track') and properties.interactive.:Bool is distinct from false, timestamp, toDateTime64(0, 3, 'UTC'))) as ended_at,
  count() as events,
  countIf(type in ('page', 'screen', 'track') and properties.interactive.:Bool is distinct from false) as interactions,
  countIf(type in ('page', 'screen')) as pages,
  max((timestamp, events.actor_hash)) as actor,
  min(if(page_path = '', (toDateTime64(4102444800, 3, 'UTC'), ''), (timestamp, page_path))) as entry,
  max(if(page_path = '', (toDateTime64(0, 3, 'UTC'), ''), (timestamp, page_path))) as exit,
  min((timestamp, toString(events.channel), toString(events.referrer_domain), toString(events.utm_source),
    toString(events.utm_medium), toString(events.utm_campaign))) as source,
  min((timestamp, toString(events.country), toString(events.device_type), toString(events.browser), toString(events.os))) as client,
  max(toUInt8(events.is_bot)) as is_bot
from {db}.events
where session_id != toUUID('00000000-0000-0000-0000-000000000000')
group by project_id, opened_on, session_id;
