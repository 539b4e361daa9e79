import { wait } from '../client/wait.js';
import { z } from 'zod';

const anomalySchema = z.object({
  anomaly_id: z.int(),
  watch: z.string(),
  direction: z.enum(['up', 'down']),
  severity: z.string(),
  state: z.string(),
  backfilled: z.boolean(),
  bucket: z.iso.datetime(),
  since: z.iso.datetime(),
  observed: z.number(),
  expected: z.number(),
  lower: z.number(),
  upper: z.number(),
  resolved_at: z.iso.datetime().nullable(),
});
export type FoundAnomaly = z.infer<typeof anomalySchema>;

const anomalyPage = z.object({ anomalies: z.array(anomalySchema) });
const watchDetail = z.object({
  series: z.array(
    z.object({
      next_bucket: z.iso.datetime(),
      watched_since: z.iso.datetime(),
      last_error: z.string().nullable(),
    }),
  ),
});
const bandSchema = z.object({
  buckets: z.array(z.object({ start: z.iso.datetime() })),
  series: z.array(
    z.object({
      values: z.array(z.number().nullable()),
      band: z.object({
        source: z.string(),
        buckets: z
          .array(
            z.object({
              expected: z.number().nullable(),
              lower: z.number().nullable(),
              upper: z.number().nullable(),
              anomalous: z.boolean(),
            }),
          )
          .optional(),
        incidents: z.array(z.object({ anomaly_id: z.int().nullable() })).optional(),
      }),
    }),
  ),
});

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
  notify(url: string, secret: string): Promise<void>;
  /** Whether all history of a watch is judged, so that it is watched as it happens. */
  isLive(name: string): Promise<boolean>;
  /** Flags that were opened as it happened, oldest first. */
  flags(): Promise<FoundAnomaly[]>;
  /** The band in the answer to a question of trends, and the flags it names. */
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
      if (answer.status !== 429) throw new Error(`${method} ${path}: HTTP ${answer.status} ${text.slice(0, 300)}`);
      await wait(1_000);
    }
  }

  return {
    async watchEvent(name, event, backfillDays) {
      await call(z.unknown(), `/v1/watches/${name}`, {
        method: 'PUT',
        body: { metric: { kind: 'events', event }, interval: 'minute', backfill_days: backfillDays },
      });
    },
    async notify(url, secret) {
      await call(z.unknown(), '/v1/notification-channels/proof', {
        method: 'PUT',
        body: { kind: 'webhook', url, secret, min_severity: 'info' },
      });
    },
    async isLive(name) {
      const { series } = await call(watchDetail, `/v1/watches/${name}`);
      for (const { last_error: error } of series) {
        if (error !== null) throw new Error(`The watch ${name} cannot be asked: ${error}`);
      }
      return (
        series.length > 0 &&
        series.every(({ next_bucket: next, watched_since: since }) => Date.parse(next) > Date.parse(since))
      );
    },
    async flags() {
      const { anomalies } = await call(anomalyPage, '/v1/anomalies?limit=200');
      return anomalies
        .filter(({ backfilled }) => !backfilled)
        .sort((a, b) => a.anomaly_id - b.anomaly_id);
    },
    async band(event, { fromMs, toMs }) {
      const answer = await call(bandSchema, '/v1/query', {
        method: 'POST',
        body: {
          kind: 'trends',
          series: [{ event }],
          interval: 'minute',
          from: new Date(fromMs).toISOString(),
          to: new Date(toMs).toISOString(),
          bands: true,
        },
      });
      const { values, band } = answer.series[0]!;
      const { source, buckets = [], incidents = [] } = band;
      return {
        source,
        minutes: buckets.map(({ expected, lower, upper, anomalous }, index) => ({
          startMs: Date.parse(answer.buckets[index]!.start),
          value: values[index] ?? null,
          expected,
          lower,
          upper,
          isAnomalous: anomalous,
        })),
        anomalyIds: incidents.flatMap(({ anomaly_id: id }) => (id === null ? [] : [id])),
      };
    },
  };
}
