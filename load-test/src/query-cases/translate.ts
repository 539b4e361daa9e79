import type { QueryInput } from '@sluice/contracts';
import { z } from 'zod';
import type { Dataset } from './case-file.js';

/** A question of a case that cannot be put to the API: a failure of the case, never a silent pass. */
export class UntranslatableError extends Error {
  override name = 'UntranslatableError';
}

export interface CaseContext {
  timezone: string;
  weekStart: string | undefined;
  dataset: Dataset;
}

const name = z.string();
const bound = z.string();
const weekStart = z.enum(['monday', 'sunday']).optional();
const step = z.union([name, z.strictObject({ event: name })]);

const trendsCase = z.strictObject({
  kind: z.literal('trends'),
  event: name.optional(),
  measure: z.string(),
  trailing_days: z.number().optional(),
  property: name.optional(),
  interval: z.string(),
  from: bound,
  to: bound,
  compare: z.literal('previous_period').optional(),
  breakdown: name.optional(),
  week_start: weekStart,
});

const funnelCase = z.strictObject({
  kind: z.literal('funnel'),
  steps: z.array(step),
  order: z.enum(['ordered', 'strict', 'unordered']).default('ordered'),
  window_seconds: z.number(),
  exclusions: z.array(z.strictObject({ event: name, from: z.number(), to: z.number() })).default([]),
  exclusion_mode: z.enum(['leave', 'stop']).optional(),
  breakdown: name.optional(),
  attribution: z.string().optional(),
  from: bound.optional(),
  to: bound.optional(),
});

const retentionCase = z.strictObject({
  kind: z.literal('retention'),
  period: z.enum(['day', 'week', 'month', '24h']),
  elapsed: z.enum(['strict', 'hour_floored']).optional(),
  start_event: name.optional(),
  return_event: name.optional(),
  cohort: z.enum(['recurring', 'first_touch', 'first_matching', 'first_time']).default('recurring'),
  match: z.enum(['on', 'on_or_after']).default('on'),
  from: bound,
  to: bound.optional(),
  rows: z.number().optional(),
  columns: z.number().optional(),
  week_start: weekStart,
});

const lifecycleCase = z.strictObject({
  kind: z.literal('lifecycle'),
  event: name.optional(),
  interval: z.enum(['hour', 'day', 'week', 'month']),
  from: bound,
  to: bound,
  week_start: weekStart,
});

const stickinessCase = z.strictObject({
  kind: z.literal('stickiness'),
  event: name.optional(),
  interval: z.enum(['hour', 'day', 'week', 'month']).default('day'),
  min_events: z.number().optional(),
  cumulative: z.boolean().optional(),
  from: bound,
  to: bound,
  week_start: weekStart,
});

const sessionsCase = z.strictObject({ kind: z.literal('sessions'), from: bound, to: bound });

const caseQuery = z.discriminatedUnion('kind', [
  trendsCase,
  funnelCase,
  retentionCase,
  lifecycleCase,
  stickinessCase,
  sessionsCase,
]);

/** A case's question in the API's language. @throws UntranslatableError when it asks for something that language has no word for. */
export function translate(query: unknown, context: CaseContext): QueryInput {
  const result = caseQuery.safeParse(query);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new UntranslatableError(`${issue.path.join('.') || 'query'}: ${issue.message}`);
  }
  const asked = result.data;
  const shared = {
    timezone: context.timezone,
    ...('week_start' in asked || context.weekStart !== undefined
      ? {
          week_start: (('week_start' in asked ? asked.week_start : undefined) ??
            context.weekStart) as 'monday',
        }
      : {}),
  };
  switch (asked.kind) {
    case 'trends':
      return {
        kind: 'trends',
        ...shared,
        series: [
          {
            event: asked.event ?? null,
            ...measureOf(asked.measure),
            ...(asked.property === undefined ? {} : { property: asked.property }),
            ...(asked.trailing_days === undefined ? {} : { trailing_days: asked.trailing_days }),
            ...(asked.event === undefined ? { filters: ACTIVITY } : {}),
          },
        ],
        interval: intervalOf(asked.interval),
        from: asked.from,
        to: endOf(asked.to, asked.interval),
        ...(asked.compare === undefined ? {} : { compare: asked.compare }),
        ...(asked.breakdown === undefined ? {} : { breakdown: { property: asked.breakdown } }),
      };
    case 'funnel':
      return {
        kind: 'funnel',
        timezone: context.timezone,
        steps: asked.steps.map((one) => (typeof one === 'string' ? { event: one } : one)),
        order: asked.order,
        window_seconds: asked.window_seconds,
        exclusions: asked.exclusions.map(({ event, from, to }) => ({
          event,
          after_step: from,
          before_step: to,
        })),
        ...(asked.exclusion_mode === undefined ? {} : { exclusion_mode: asked.exclusion_mode }),
        ...(asked.breakdown === undefined ? {} : { breakdown: { property: asked.breakdown } }),
        ...(asked.attribution === undefined ? {} : { attribution: attributionOf(asked.attribution) }),
        ...wholeRange(context.dataset, asked),
      };
    case 'retention':
      return {
        kind: 'retention',
        ...shared,
        start: selectorOf(asked.start_event),
        return: selectorOf(asked.return_event),
        cohort: asked.cohort === 'first_time' ? 'first_matching' : asked.cohort,
        match: asked.match,
        period: asked.period === '24h' ? 'day' : asked.period,
        clock:
          asked.period !== '24h'
            ? 'calendar'
            : asked.elapsed === 'hour_floored'
              ? 'elapsed_24h_floored'
              : 'elapsed_24h',
        from: asked.from,
        ...(asked.to === undefined ? {} : { to: asked.to }),
        ...(asked.rows === undefined ? {} : { periods: asked.rows }),
        ...(asked.columns === undefined ? {} : { columns: asked.columns }),
      };
    case 'lifecycle':
      return {
        kind: 'lifecycle',
        ...shared,
        event: asked.event ?? null,
        ...(asked.event === undefined ? { filters: ACTIVITY } : {}),
        interval: asked.interval,
        from: asked.from,
        to: endOf(asked.to, asked.interval),
      };
    case 'stickiness':
      return {
        kind: 'stickiness',
        ...shared,
        event: asked.event ?? null,
        ...(asked.event === undefined ? { filters: ACTIVITY } : {}),
        interval: asked.interval,
        ...(asked.min_events === undefined ? {} : { min_events: asked.min_events }),
        from: asked.from,
        to: endOf(asked.to, asked.interval),
      };
    case 'sessions':
      return {
        kind: 'sessions',
        timezone: context.timezone,
        interval: 'total',
        from: asked.from,
        to: endOf(asked.to, 'second'),
      };
  }
}

/** What the cases call an event: the messages that merge ids are none. */
const ACTIVITY: NonNullable<Extract<QueryInput, { kind: 'lifecycle' }>['filters']> = [
  { column: 'type', operator: 'is', values: ['track', 'page', 'screen'] },
];

function selectorOf(event: string | undefined) {
  return event === undefined ? { filters: ACTIVITY } : { event };
}

const MEASURES = {
  events: 'count',
  total: 'count',
  users: 'unique_users',
  sessions: 'unique_sessions',
  trailing_users: 'trailing_users',
  sum: 'sum',
  avg: 'avg',
  min: 'min',
  max: 'max',
  p50: 'p50',
  p90: 'p90',
  p99: 'p99',
} as const;

function measureOf(measure: string): { measure: (typeof MEASURES)[keyof typeof MEASURES] } {
  if (Object.hasOwn(MEASURES, measure)) return { measure: MEASURES[measure as keyof typeof MEASURES] };
  throw new UntranslatableError(`measure: there is no ${measure}`);
}

const INTERVALS = ['minute', '15m', 'hour', 'day', 'week', 'month', 'total'] as const;

function intervalOf(interval: string): (typeof INTERVALS)[number] {
  const known = INTERVALS.find((one) => one === interval);
  if (known === undefined) throw new UntranslatableError(`interval: there is no ${interval}`);
  return known;
}

const UNIT_MS: Record<string, number> = { second: 1_000, minute: 60_000, '15m': 900_000, hour: 3_600_000 };

/** Cases include the unit that `to` lies in; the API leaves a time out. A date is whole in both. */
function endOf(to: string, interval: string): string {
  if (!to.includes('T')) return to;
  const unitMs = UNIT_MS[interval] ?? 1_000;
  const wallMs = Date.parse(`${to}Z`);
  return new Date(Math.floor(wallMs / unitMs) * unitMs + unitMs).toISOString().slice(0, 19);
}

function attributionOf(text: string): 'first' | 'last' | { step: number } {
  if (text === 'first' || text === 'first_touch') return 'first';
  if (text === 'last' || text === 'last_touch') return 'last';
  const at = /^step:(\d+)$/.exec(text)?.[1];
  if (at !== undefined) return { step: Number(at) };
  throw new UntranslatableError(`attribution: there is no ${text}`);
}

/** Funnels of the cases are about all of their events. */
function wholeRange(dataset: Dataset, asked: { from?: string | undefined; to?: string | undefined }) {
  const instants = dataset.events.map(([, at]) => at).sort();
  return {
    from: asked.from ?? instants[0]!,
    to: asked.to ?? new Date(Date.parse(instants.at(-1)!) + 1).toISOString(),
  };
}
