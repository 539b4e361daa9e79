import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Panels } from './panels.js';
import { startDashboard, type Dashboard } from './start-dashboard.js';

const OF_PROJECT = 'project_id = ${project:raw}';

/**
 * What happened in the product, from the rollups in ClickHouse. Numbers to act on come from the analytics API, which applies
 * merges of identities and time zones, and says what is complete; these show at a glance that data arrive and look as usual.
 */
export function analytics({ lines, number, bars, table }: Panels): Dashboard {
  return startDashboard({
    uid: 'sluice-analytics',
    title: 'Sluice: analytics',
    description:
      'What happened in the product, from the rollups in ClickHouse, in UTC. People are counted as they were seen: the analytics API applies merges.',
    sources: ['prometheus', 'postgres', 'clickhouse'],
    from: 'now-7d',
  })
    .withRow(new RowBuilder('In this time'))
    .withPanel(
      number({
        title: 'Events',
        description: 'Events of people, without those of robots.',
        unit: 'short',
        width: 6,
        queries: [
          {
            clickhouse: `select sum(events) as events from \${rollups:raw}.counts_15m
where ${OF_PROJECT} and not is_bot and $__timeFilter(bucket)`,
            as: 'table',
          },
        ],
      }),
    )
    .withPanel(
      number({
        title: 'People',
        description: 'Different people on the days of this time.',
        unit: 'short',
        width: 6,
        queries: [
          {
            clickhouse: `select uniqExact(actor_hash) as people from \${rollups:raw}.active_days
where ${OF_PROJECT} and not is_bot and actor_hash != 0 and $__dateFilter(day)`,
            as: 'table',
          },
        ],
      }),
    )
    .withPanel(
      number({
        title: 'Sessions',
        description: 'Sessions that began in this time.',
        unit: 'short',
        width: 6,
        queries: [
          {
            clickhouse: `select count() as sessions from (
  select session_id from \${rollups:raw}.sessions where ${OF_PROJECT}
  group by session_id having max(is_bot) = 0 and $__timeFilter(min(started_at)))`,
            as: 'table',
          },
        ],
      }),
    )
    .withPanel(
      number({
        title: 'Answers are behind by',
        description:
          'Everything that was accepted before this long ago is in these numbers, or soon will be.',
        unit: 's',
        width: 6,
        alerts: ['SluiceLandingLate', 'SluiceLandingVeryLate'],
        queries: [{ prometheus: 'max(sluice_pipeline_watermark_lag_seconds)', legend: 'behind' }],
      }),
    )
    .withRow(new RowBuilder('What happened'))
    .withPanel(
      lines({
        title: 'Events by name',
        description: 'The eight most frequent, by the hour or more.',
        unit: 'short',
        width: 16,
        height: 8,
        queries: [
          {
            clickhouse: `select toStartOfInterval(bucket, interval greatest(3600, $__interval_s) second) as time, event, sum(events) as events
from \${rollups:raw}.counts_15m
where ${OF_PROJECT} and not is_bot and event != '' and $__timeFilter(bucket) and event in (
  select event from \${rollups:raw}.counts_15m
  where ${OF_PROJECT} and not is_bot and event != '' and $__timeFilter(bucket)
  group by event order by sum(events) desc limit 8)
group by time, event order by time`,
            as: 'series',
          },
        ],
      }),
    )
    .withPanel(
      bars({
        title: 'Events by type',
        description: 'All events of people, by type of message.',
        unit: 'short',
        height: 8,
        queries: [
          {
            clickhouse: `select type, sum(events) as events from \${rollups:raw}.counts_15m
where ${OF_PROJECT} and not is_bot and $__timeFilter(bucket)
group by type order by events desc`,
            as: 'table',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('Who was there'))
    .withPanel(
      lines({
        title: 'People a day',
        description: 'Different people on each UTC day, and those among them who were new on it.',
        unit: 'short',
        width: 12,
        queries: [
          {
            clickhouse: `select toDateTime(day, 'UTC') as time, uniqExact(actor_hash) as people
from \${rollups:raw}.active_days
where ${OF_PROJECT} and not is_bot and actor_hash != 0 and $__dateFilter(day)
group by time order by time`,
            as: 'series',
          },
          {
            clickhouse: `select toStartOfDay(first) as time, count() as new from (
  select min(first_at) as first from \${rollups:raw}.actors where ${OF_PROJECT} group by actor_hash)
where $__timeFilter(first)
group by time order by time`,
            as: 'series',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Sessions',
        description: 'Sessions by the hour in which they began, and those of one interaction.',
        unit: 'short',
        width: 12,
        queries: [
          {
            clickhouse: `select toStartOfInterval(begun, interval greatest(3600, $__interval_s) second) as time,
  count() as sessions, countIf(interactions = 1) as bounced from (
  select min(started_at) as begun, sum(s.interactions) as interactions
  from \${rollups:raw}.sessions as s where ${OF_PROJECT}
  group by session_id having max(is_bot) = 0)
where $__timeFilter(begun)
group by time order by time`,
            as: 'series',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('From where, and to what'))
    .withPanel(
      table({
        title: 'Pages',
        description: 'Pages by views, with the people who saw them.',
        unit: 'short',
        width: 8,
        queries: [
          {
            clickhouse: `select page_path as page, count() as views, uniqExact(actor_hash) as people
from \${rollups:raw}.events
where ${OF_PROJECT} and not is_bot and type = 'page' and $__timeFilter(timestamp)
group by page order by views desc limit 10`,
            as: 'table',
          },
        ],
      }),
    )
    .withPanel(
      table({
        title: 'Channels and devices',
        description: 'People by the channel that brought them and what they use.',
        unit: 'short',
        width: 8,
        queries: [
          {
            clickhouse: `select channel, device_type as device, uniqExact(actor_hash) as people, count() as events
from \${rollups:raw}.events
where ${OF_PROJECT} and not is_bot and $__timeFilter(timestamp)
group by channel, device order by people desc limit 10`,
            as: 'table',
          },
        ],
      }),
    )
    .withPanel(
      table({
        title: 'Revenue',
        description: 'Sum of amounts, by currency.',
        unit: 'short',
        width: 8,
        queries: [
          {
            clickhouse: `select currency, toFloat64(sum(revenue)) as amount, count() as orders, uniqExact(actor_hash) as buyers
from \${rollups:raw}.events
where ${OF_PROJECT} and not is_bot and revenue is not null and $__timeFilter(timestamp)
group by currency order by amount desc`,
            as: 'table',
          },
        ],
      }),
    )
    .build();
}
