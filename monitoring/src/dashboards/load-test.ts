import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Panels } from './panels.js';
import { startDashboard, type Dashboard } from './start-dashboard.js';

/** A load test as its generator and as Sluice see it. */
export function loadTest({ lines, number }: Panels): Dashboard {
  return startDashboard({
    uid: 'sluice-load-test',
    title: 'Sluice: load test',
    description:
      'A load test as its generator sees it (npm run steady -- --metrics-port 9464), and what it costs each part.',
    sources: ['prometheus'],
    from: 'now-15m',
  })
    .withRow(new RowBuilder('So far'))
    .withPanel(
      number({
        title: 'Sent',
        description: 'Messages sent, each once.',
        unit: 'short',
        width: 6,
        queries: [{ prometheus: 'sum(sluice_load_sent_total)', legend: 'sent' }],
      }),
    )
    .withPanel(
      number({
        title: 'Accepted',
        description: 'Messages that were accepted.',
        unit: 'short',
        width: 6,
        queries: [{ prometheus: 'sum(sluice_load_accepted_total)', legend: 'accepted' }],
      }),
    )
    .withPanel(
      number({
        title: 'Rejected',
        description: 'Messages that were rejected: of a load test, none.',
        unit: 'short',
        width: 6,
        queries: [{ prometheus: 'sum(sluice_load_rejected_total)', legend: 'rejected' }],
      }),
    )
    .withPanel(
      number({
        title: 'Failed',
        description: 'Messages that were given up after retries.',
        unit: 'short',
        width: 6,
        queries: [{ prometheus: 'sum(sluice_load_failed_total)', legend: 'failed' }],
      }),
    )
    .withRow(new RowBuilder('As the client sees it'))
    .withPanel(
      lines({
        title: 'Asked for, sent, accepted',
        description:
          'What the schedule asks for, and what is done. They lie on each other while all is well.',
        unit: 'cps',
        width: 12,
        queries: [
          { prometheus: 'sum(sluice_load_target_events_per_second)', legend: 'asked for' },
          { prometheus: 'sum(rate(sluice_load_sent_total[$__rate_interval]))', legend: 'sent' },
          { prometheus: 'sum(rate(sluice_load_accepted_total[$__rate_interval]))', legend: 'accepted' },
          { prometheus: 'sum(rate(sluice_load_failed_total[$__rate_interval]))', legend: 'failed' },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Latency',
        description: 'From when a request was due to its final answer, the wait for its turn included.',
        unit: 's',
        width: 12,
        queries: [0.5, 0.99, 0.999].map((q) => ({
          prometheus: `histogram_quantile(${q}, sum by (le) (rate(sluice_load_request_seconds_bucket[$__rate_interval])))`,
          legend: `p${q * 100}`,
        })) as [{ prometheus: string; legend: string }],
      }),
    )
    .withRow(new RowBuilder('What it costs'))
    .withPanel(
      lines({
        title: 'Processor by part',
        description: 'Cores in use.',
        unit: 'none',
        decimals: 2,
        alerts: ['SluiceCpuSaturated'],
        queries: [
          {
            prometheus: 'sum by (job) (rate(process_cpu_seconds_total{job=~"sluice-.+"}[$__rate_interval]))',
            legend: '{{job}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Memory by part',
        description: 'Resident memory.',
        unit: 'bytes',
        alerts: ['SluiceMemoryHigh'],
        queries: [
          {
            prometheus: 'sum by (job) (process_resident_memory_bytes{job=~"sluice-.+"})',
            legend: '{{job}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Event loop by part',
        description: 'How late the 99th turn of a hundred is.',
        unit: 's',
        alerts: ['SluiceEventLoopLags'],
        queries: [
          {
            prometheus: 'max by (job) (nodejs_eventloop_lag_p99_seconds{job=~"sluice-.+"})',
            legend: '{{job}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Through the parts',
        description: 'Accepted, landed, rolled up: where the lines part, something waits.',
        unit: 'cps',
        queries: [
          {
            prometheus:
              'sum(rate(sluice_gateway_events_total{verdict=~"accepted|spooled"}[$__rate_interval]))',
            legend: 'accepted',
          },
          { prometheus: 'sum(rate(sluice_pipeline_landed_total[$__rate_interval]))', legend: 'landed' },
          { prometheus: 'sum(rate(sluice_pipeline_rolled_up_total[$__rate_interval]))', legend: 'rolled up' },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Records that wait',
        description: 'Records of the log that have not landed.',
        unit: 'none',
        queries: [{ prometheus: 'sum(sluice_event_log_lag_records)', legend: 'records' }],
      }),
    )
    .withPanel(
      lines({
        title: 'Size of batches',
        description: 'New rows of a landed batch, on average: small ones mean that landing keeps up.',
        unit: 'none',
        queries: [
          {
            prometheus:
              'sum(rate(sluice_pipeline_batch_rows_sum[$__rate_interval])) / sum(rate(sluice_pipeline_batch_rows_count[$__rate_interval]))',
            legend: 'rows',
          },
        ],
      }),
    )
    .build();
}
