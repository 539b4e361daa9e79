import {
  anomalyPageSchema,
  channelSchema,
  trendsAnswerSchema,
  watchDetailSchema,
  watchSchema,
  type Anomaly,
  type ChannelInput,
  type QueryInput,
  type WatchInput,
} from '@sluice/contracts';
import type { z } from 'zod';
import { wait } from '../client/wait.js';

export interface BandOfMinute {
  startMs: number;
  value: number | null;
  expected: number | null;
  lower: number | null;
  upper: number | null;
  isAnomalous: boolean;
}

/** Watches, flags and channels of a running Sluice, by its API. */
export interface WatchDesk {
  /** Watches the count of an event minute by minute. */
  watchEvent(name: string, event: string, backfillDays: number): Promise<void>;
  /** Tells an address of every flag. */
  notify(url: string, secret: string): Promise<void>;
  /** Whether all history of a watch is judged, so that it is watched as it happens. */
  isLive(name: string): Promise<boolean>;
  /** Flags that were opened as it happened, oldest first. */
  flags(): Promise<Anomaly[]>;
  /** The band in the answer to a question of trends, and the flags that it names. */
  band(
    event: string,
    range: { fromMs: number; toMs: number },
  ): Promise<{ source: string; minutes: BandOfMinute[]; anomalyIds: number[] }>;
}

export function createWatchDesk(options: { apiUrl: string; adminKey: string }): WatchDesk {
  async function call<S extends z.ZodType>(
    schema: S,
    path: string,
    { method = 'GET', body }: { method?: string; body?: object } = {},
  ): Promise<z.infer<S>> {
    for (;;) {
      const answer = await fetch(`${options.apiUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${options.adminKey}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (answer.ok) return schema.parse(JSON.parse(text));
      if (answer.status !== 429) {
        throw new Error(`${method} ${path}: HTTP ${answer.status} ${text.slice(0, 300)}`);
      }
      await wait(1_000);
    }
  }

  return {
    async watchEvent(name, event, backfillDays) {
      const body: WatchInput = {
        metric: { kind: 'events', event },
        interval: 'minute',
        backfill_days: backfillDays,
      };
      await call(watchSchema, `/v1/watches/${name}`, { method: 'PUT', body });
    },
    async notify(url, secret) {
      const body: ChannelInput = { kind: 'webhook', url, secret, min_severity: 'info' };
      await call(channelSchema, '/v1/notification-channels/proof', { method: 'PUT', body });
    },
    async isLive(name) {
      const { series } = await call(watchDetailSchema, `/v1/watches/${name}`);
      for (const { last_error: error } of series) {
        if (error !== null) throw new Error(`The watch ${name} cannot be asked: ${error}`);
      }
      return (
        series.length > 0 &&
        series.every(({ next_bucket: next, watched_since: since }) => Date.parse(next) > Date.parse(since))
      );
    },
    async flags() {
      const { anomalies } = await call(anomalyPageSchema, '/v1/anomalies?limit=200');
      return anomalies.sort((a, b) => a.anomaly_id - b.anomaly_id);
    },
    async band(event, { fromMs, toMs }) {
      const body: QueryInput = {
        kind: 'trends',
        series: [{ event }],
        interval: 'minute',
        from: new Date(fromMs).toISOString(),
        to: new Date(toMs).toISOString(),
        bands: true,
      };
      const answer = await call(trendsAnswerSchema, '/v1/query', { method: 'POST', body });
      const [series] = answer.series;
      const band = series?.band;
      if (band === undefined || band.source === 'none') {
        return { source: 'none', minutes: [], anomalyIds: [] };
      }
      return {
        source: band.source,
        minutes: band.buckets.map(({ expected, lower, upper, anomalous }, index) => ({
          startMs: Date.parse(answer.buckets[index]!.start),
          value: series!.values[index] ?? null,
          expected,
          lower,
          upper,
          isAnomalous: anomalous,
        })),
        anomalyIds: band.incidents.flatMap(({ anomaly_id: id }) => (id === null ? [] : [id])),
      };
    },
  };
}
