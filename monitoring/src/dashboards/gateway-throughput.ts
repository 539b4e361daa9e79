import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Panels } from './panels.js';
import { startDashboard, type Dashboard } from './start-dashboard.js';

const MESSAGES = 'endpoint=~"single|batch"';

/** What comes in at the door, what is refused, how fast it is acknowledged, and what that takes. */
export function gatewayThroughput({ lines, number }: Panels): Dashboard {
  return startDashboard({
    uid: 'sluice-gateway-throughput',
    title: 'Sluice: gateway throughput',
    description:
      'What comes in at the door, what is refused, how fast it is acknowledged, and what that takes.',
    sources: ['prometheus'],
    from: 'now-1h',
  })
    .withRow(new RowBuilder('Now'))
    .withPanel(
      number({
        title: 'Accepted',
        description: 'Messages accepted per second, by all gateways.',
        unit: 'cps',
        queries: [
          {
            prometheus:
              'sum(rate(sluice_gateway_events_total{verdict=~"accepted|spooled"}[$__rate_interval]))',
            legend: 'messages',
          },
        ],
      }),
    )
    .withPanel(
      number({
        title: 'Rejected',
        description: 'Share of messages that are not valid.',
        unit: 'percentunit',
        decimals: 2,
        alerts: ['SluiceEventsRejected'],
        queries: [{ prometheus: 'sluice:gateway_rejected:ratio_rate5m', legend: 'rejected' }],
      }),
    )
    .withPanel(
      number({
        title: 'Failed',
        description: 'Share of requests that failed for a fault of ours in the last hour; 0.1 % may.',
        unit: 'percentunit',
        decimals: 3,
        alerts: ['SluiceAvailabilityBurnsFast'],
        queries: [{ prometheus: 'sluice:gateway_errors:ratio_rate1h', legend: 'failed' }],
      }),
    )
    .withPanel(
      number({
        title: 'Slow',
        description: 'Share of acknowledgements of the last hour that took longer than 250 ms; 1 % may.',
        unit: 'percentunit',
        decimals: 2,
        alerts: ['SluiceAcksBurnFast'],
        queries: [{ prometheus: 'sluice:gateway_slow_acks:ratio_rate1h', legend: 'slow' }],
      }),
    )
    .withPanel(
      number({
        title: 'Acknowledged within',
        description: 'Within what time 99 of 100 requests were acknowledged in the last five minutes.',
        unit: 's',
        queries: [
          {
            prometheus: 'histogram_quantile(0.99, sum by (le) (rate(sluice_gateway_ack_seconds_bucket[5m])))',
            legend: 'p99',
          },
        ],
      }),
    )
    .withPanel(
      number({
        title: 'Gateways',
        description: 'How many gateways answer.',
        unit: 'none',
        queries: [{ prometheus: 'sum(up{job="sluice-gateway"})', legend: 'gateways' }],
      }),
    )
    .withRow(new RowBuilder('What comes in'))
    .withPanel(
      lines({
        title: 'Messages by verdict',
        description:
          'accepted: in the log. spooled: accepted on disk. rejected: not valid. warned: accepted, but off the plan, and counted twice here.',
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
        title: 'Requests by answer',
        description: 'Requests with messages, by the code they were answered with.',
        unit: 'reqps',
        stacked: true,
        queries: [
          {
            prometheus: `sum by (code) (rate(sluice_gateway_requests_total{${MESSAGES}}[$__rate_interval]))`,
            legend: '{{code}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Bytes',
        description: 'Bodies as received, decompressed, and as handed to the log.',
        unit: 'Bps',
        queries: [
          {
            prometheus: 'sum by (stage) (rate(sluice_gateway_bytes_total[$__rate_interval]))',
            legend: '{{stage}}',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('What is refused'))
    .withPanel(
      lines({
        title: 'Share of requests refused',
        description: 'By reason, over five minutes.',
        unit: 'percentunit',
        alerts: ['SluiceRequestsRefused'],
        queries: [{ prometheus: 'sluice:gateway_refused:ratio_rate5m', legend: '{{code}}' }],
      }),
    )
    .withPanel(
      lines({
        title: 'Messages rejected by reason',
        description: 'Each is a dead letter, with its bytes and the reason.',
        unit: 'cps',
        stacked: true,
        queries: [
          {
            prometheus: 'sum by (code) (rate(sluice_gateway_rejections_total[$__rate_interval]))',
            legend: '{{code}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Keys, limits, retries',
        description:
          'Requests refused for their key or origin, requests over a rate limit, and requests that clients marked as retries.',
        unit: 'reqps',
        queries: [
          {
            prometheus: 'sum by (code) (rate(sluice_gateway_auth_failures_total[$__rate_interval]))',
            legend: '{{code}}',
          },
          {
            prometheus: 'sum(rate(sluice_gateway_rate_limited_total[$__rate_interval]))',
            legend: 'rate_limited',
          },
          {
            prometheus: 'sum(rate(sluice_gateway_client_retries_total[$__rate_interval]))',
            legend: 'retries of clients',
          },
        ],
      }),
    )
    .withRow(new RowBuilder('How fast, and what that takes'))
    .withPanel(
      lines({
        title: 'Acknowledgement',
        description: 'From the last byte of a body to its answer.',
        unit: 's',
        width: 6,
        queries: [0.5, 0.95, 0.99].map((q) => ({
          prometheus: `histogram_quantile(${q}, sum by (le) (rate(sluice_gateway_ack_seconds_bucket[$__rate_interval])))`,
          legend: `p${q * 100}`,
        })) as [{ prometheus: string; legend: string }],
      }),
    )
    .withPanel(
      lines({
        title: 'Bodies in memory',
        description: 'Bytes of requests in flight; at MAX_IN_FLIGHT_BYTES requests are refused.',
        unit: 'bytes',
        width: 6,
        alerts: ['SluiceGatewayMemoryFills'],
        queries: [
          { prometheus: 'max by (instance) (sluice_gateway_in_flight_bytes)', legend: '{{instance}}' },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Processor',
        description: 'Cores that each gateway uses. A gateway is one thread for nearly all it does.',
        unit: 'none',
        decimals: 2,
        width: 6,
        alerts: ['SluiceCpuSaturated'],
        queries: [
          {
            prometheus:
              'sum by (instance) (rate(process_cpu_seconds_total{job="sluice-gateway"}[$__rate_interval]))',
            legend: '{{instance}}',
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: 'Event loop',
        description: 'How late the 99th turn of a hundred is.',
        unit: 's',
        width: 6,
        alerts: ['SluiceEventLoopLags'],
        queries: [
          {
            prometheus: 'max by (instance) (nodejs_eventloop_lag_p99_seconds{job="sluice-gateway"})',
            legend: '{{instance}}',
          },
        ],
      }),
    )
    .build();
}
