import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Panels } from './panels.js';
import { startDashboard, type Dashboard } from './start-dashboard.js';

/** Where events are: one row for each hop, in the order in which an event passes them. */
export function journey({ lines, number, table }: Panels): Dashboard {
  return startDashboard({
    uid: 'sluice-journey',
    title: 'Sluice: the journey',
    description:
      'One row for each hop, in the order in which an event passes them. The first row that is out of the ordinary is where to look.',
    sources: ['prometheus', 'postgres'],
    from: 'now-1h',
  })
    .withRow(new RowBuilder('Is everything there?'))
    .withPanel(
      number({
        title: 'Missing in the audit',
        description: 'Messages that the last audit found missing or too many, over all projects.',
        unit: 'none',
        alerts: ['SluiceAuditUnbalanced'],
        queries: [{ prometheus: 'sum(sluice_audit_unbalanced)', legend: 'messages' }],
      }),
    )
    .withPanel(
      number({
        title: 'Last audit',
        description: 'How long ago an audit of every project came to an end.',
        unit: 's',
        alerts: ['SluiceAuditNotTaken'],
        queries: [{ prometheus: 'time() - max(sluice_audit_last_success_timestamp_seconds)', legend: 'ago' }],
      }),
    )
    .withPanel(
      number({
        title: 'Under way or missing',
        description:
          'Share of what went in during the last hour of which the pipeline has said nothing yet: in flight, unless it stays.',
        unit: 'percentunit',
        decimals: 2,
        alerts: ['SluiceEventsMissing'],
        queries: [{ prometheus: 'sluice:journey_missing:ratio_increase1h', legend: 'missing' }],
      }),
    )
    .withPanel(
      number({
        title: 'Answers are behind by',
        description: 'Everything that was accepted before this long ago has landed.',
        unit: 's',
        alerts: ['SluiceLandingLate', 'SluiceLandingVeryLate'],
        queries: [{ prometheus: 'max(sluice_pipeline_watermark_lag_seconds)', legend: 'behind' }],
      }),
    )
    .withPanel(
      number({
        title: 'Dead letters',
        description: 'Share of messages that were set aside in the last quarter of an hour.',
        unit: 'percentunit',
        decimals: 2,
        alerts: ['SluiceDeadLetterRate'],
        queries: [{ prometheus: 'sluice:dead_letters:ratio_rate15m', legend: 'dead letters' }],
      }),
    )
    .withPanel(
      number({
        title: 'Parts that answer',
        description: 'Of the gateways, pipelines and analytics APIs that Prometheus knows.',
        unit: 'percentunit',
        queries: [{ prometheus: 'avg(up{job=~"sluice-(gateway|pipeline|analytics-api)"})', legend: 'parts' }],
      }),
    )
    .withRow(new RowBuilder('1  SDK → gateway'))
    .withPanel(
      lines({
        title: 'Verdicts',
        description: 'Messages by verdict.',
        unit: 'cps',
        queries: [
          {
            prometheus: 'sum by (verdict) (rate(sluice_gateway_events_total[$__rate_interval]))',
            legend: '{{verdict}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Acknowledgement',
        description: 'From the last byte of a body to its answer.',
        unit: 's',
        queries: [
          {
            prometheus:
              'histogram_quantile(0.5, sum by (le) (rate(sluice_gateway_ack_seconds_bucket[$__rate_interval])))',
            legend: 'p50',
          },
          {
            prometheus:
              'histogram_quantile(0.99, sum by (le) (rate(sluice_gateway_ack_seconds_bucket[$__rate_interval])))',
            legend: 'p99',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Budget of failures',
        description: 'Share of requests that failed for a fault of ours, over five minutes and an hour.',
        unit: 'percentunit',
        alerts: ['SluiceAvailabilityBurnsFast'],
        queries: [
          { prometheus: 'sluice:gateway_errors:ratio_rate5m', legend: '5 minutes' },
          { prometheus: 'sluice:gateway_errors:ratio_rate1h', legend: '1 hour' },
        ],
      }),
    )
    .withRow(new RowBuilder('2  gateway → event log, or the spool while the log is away'))
    .withPanel(
      lines({
        title: 'Append',
        description: 'From an append to its acknowledgement by the log.',
        unit: 's',
        width: 6,
        queries: [
          {
            prometheus:
              'histogram_quantile(0.5, sum by (le) (rate(sluice_event_log_append_seconds_bucket[$__rate_interval])))',
            legend: 'p50',
          },
          {
            prometheus:
              'histogram_quantile(0.99, sum by (le) (rate(sluice_event_log_append_seconds_bucket[$__rate_interval])))',
            legend: 'p99',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Records appended and refused',
        description: 'A record holds the messages of one request for one partition.',
        unit: 'cps',
        width: 6,
        queries: [
          {
            prometheus: 'sum(rate(sluice_event_log_appended_records_total[$__rate_interval]))',
            legend: 'appended',
          },
          {
            prometheus:
              'sum by (reason) (rate(sluice_event_log_append_failures_total[$__rate_interval])) or on () vector(0)',
            legend: 'refused: {{reason}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Spool',
        description: 'Accepted messages on the disks of gateways. There is no other copy of them.',
        unit: 'none',
        width: 6,
        alerts: ['SluiceSpoolInUse'],
        queries: [
          { prometheus: 'max by (instance) (sluice_gateway_spool_messages)', legend: '{{instance}}' },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Spool used, messages turned away',
        description: 'Share of the spool that is used, and messages that found no room in it.',
        unit: 'percentunit',
        width: 6,
        alerts: ['SluiceSpoolFilling'],
        queries: [
          { prometheus: 'sluice:spool_used:ratio', legend: 'used of {{instance}}' },
          {
            prometheus: 'sum(rate(sluice_gateway_turned_away_total[$__rate_interval]))',
            legend: 'turned away a second',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('3  event log → Postgres'))
    .withPanel(
      lines({
        title: 'Waiting in the log',
        description: 'Age of the oldest record that has not landed, by partition.',
        unit: 's',
        width: 6,
        queries: [
          {
            prometheus: 'max by (partition) (sluice_event_log_oldest_unread_seconds)',
            legend: 'partition {{partition}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'What became of messages',
        description: 'Landed: new rows. Duplicates had landed before. Dead letters are kept apart.',
        unit: 'cps',
        width: 6,
        queries: [
          { prometheus: 'sum(rate(sluice_pipeline_landed_total[$__rate_interval]))', legend: 'landed' },
          {
            prometheus: 'sum(rate(sluice_pipeline_duplicates_total[$__rate_interval]))',
            legend: 'duplicates',
          },
          {
            prometheus: 'sum(rate(sluice_pipeline_dead_letters_total[$__rate_interval]))',
            legend: 'dead letters',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Time of a batch',
        description: '95 of 100 batches take less, by stage.',
        unit: 's',
        width: 6,
        queries: [
          {
            prometheus:
              'histogram_quantile(0.95, sum by (le, stage) (rate(sluice_pipeline_stage_seconds_bucket[$__rate_interval])))',
            legend: '{{stage}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Behind',
        description: 'How long ago everything that was accepted has landed, by partition.',
        unit: 's',
        width: 6,
        alerts: ['SluiceLandingLate', 'SluiceLandingVeryLate'],
        queries: [
          {
            prometheus: 'max by (partition) (sluice_pipeline_watermark_lag_seconds)',
            legend: 'partition {{partition}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'The ledger',
        description:
          'From Postgres: by minute of receipt, how many messages the log held and what became of them, for the project.',
        unit: 'none',
        width: 12,
        queries: [
          {
            postgres: `select minute as "time", sum(logged) as logged, sum(landed) as landed, sum(duplicates) as duplicates,
  sum(dead_lettered) as "dead letters", sum(rejected) as rejected
from ledger
where project_id = \${project:raw} and $__timeFilter(minute)
group by 1 order by 1`,
            as: 'series',
          },
        ],
      }),
    )
    .withPanel(
      table({
        title: 'Newest dead letters',
        description: 'From Postgres. `sluice dead-letters show ID` has the whole of one.',
        unit: 'none',
        width: 12,
        height: 7,
        queries: [
          {
            postgres: `select dead_letter_id as id, created_at as "at", source, code, field, message_id as "message id",
  replayed_at is not null as replayed
from dead_letters
where project_id = \${project:raw} and $__timeFilter(created_at)
order by dead_letter_id desc limit 20`,
            as: 'table',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('4  Postgres → ClickHouse'))
    .withPanel(
      lines({
        title: 'Landed and rolled up',
        description: 'The second follows the first.',
        unit: 'cps',
        queries: [
          { prometheus: 'sum(rate(sluice_pipeline_landed_total[$__rate_interval]))', legend: 'landed' },
          { prometheus: 'sum(rate(sluice_pipeline_rolled_up_total[$__rate_interval]))', legend: 'rolled up' },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Oldest batch that waits',
        description: 'Age of the oldest landed batch that is not in ClickHouse.',
        unit: 's',
        alerts: ['SluiceRollupsLate'],
        queries: [
          {
            prometheus: 'max by (partition) (sluice_pipeline_oldest_pending_rollup_seconds)',
            legend: 'partition {{partition}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Attempts that failed',
        description:
          'And are repeated, by stage; batches given up because another pipeline had moved on; rebalances.',
        unit: 'cps',
        queries: [
          {
            prometheus:
              'sum by (stage) (rate(sluice_pipeline_failures_total[$__rate_interval])) or on () vector(0)',
            legend: 'failed: {{stage}}',
          },
          {
            prometheus: 'sum(rate(sluice_pipeline_stale_owner_total[$__rate_interval]))',
            legend: 'given up',
          },
          {
            prometheus: 'sum(rate(sluice_pipeline_rebalances_total[$__rate_interval]))',
            legend: 'rebalances',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('5  stores → answer'))
    .withPanel(
      lines({
        title: 'Questions',
        description: 'Questions a second, by kind.',
        unit: 'reqps',
        width: 6,
        stacked: true,
        queries: [
          {
            prometheus: 'sum by (kind) (rate(sluice_api_queries_total[$__rate_interval]))',
            legend: '{{kind}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Time of a question',
        description: '95 of 100 take less, by kind; the dashed line is for all kinds together.',
        unit: 's',
        width: 6,
        alerts: ['SluiceQueriesSlow'],
        queries: [
          {
            prometheus:
              'histogram_quantile(0.95, sum by (le, kind) (rate(sluice_api_query_seconds_bucket[$__rate_interval])))',
            legend: '{{kind}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Answers by status',
        description: 'Answers of the analytics API a second.',
        unit: 'reqps',
        width: 6,
        queries: [
          {
            prometheus: 'sum by (status) (rate(sluice_api_requests_total[$__rate_interval]))',
            legend: '{{status}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Rows read, statements from memory',
        description: 'Rows that ClickHouse read for questions, and statements that needed none.',
        unit: 'cps',
        width: 6,
        queries: [
          { prometheus: 'sum(rate(sluice_api_rows_read_total[$__rate_interval]))', legend: 'rows read' },
          {
            prometheus: 'sum by (result) (rate(sluice_api_cache_requests_total[$__rate_interval]))',
            legend: 'memory: {{result}}',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('6  watching and telling'))
    .withPanel(
      lines({
        title: 'Last look at everything',
        description: 'How long ago a watcher looked at every project.',
        unit: 's',
        alerts: ['SluiceWatcherStalled'],
        queries: [{ prometheus: 'min(sluice_watch_last_pass_age_seconds)', legend: 'ago' }],
      }),
    )
    .withPanel(
      lines({
        title: 'Series',
        description: 'Series that are watched, and looks that failed in a quarter of an hour.',
        unit: 'none',
        queries: [
          { prometheus: 'sum(sluice_watch_series)', legend: 'series' },
          { prometheus: 'sum(increase(sluice_watch_failures_total[15m]))', legend: 'failed looks' },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Notifications',
        description: 'Attempts to deliver a notification within an hour, by channel and outcome.',
        unit: 'none',
        queries: [
          {
            prometheus:
              'sum by (channel, outcome) (increase(sluice_notify_attempts_total[1h])) or on () vector(0)',
            legend: '{{channel}} {{outcome}}',
          },
        ],
      }),
    )
    .build();
}
