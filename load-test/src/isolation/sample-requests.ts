import {
  channelInputSchema,
  feedbackInputSchema,
  PEOPLE_SCHEMAS,
  querySchema,
  simulateInputSchema,
  snoozeInputSchema,
  watchInputSchema,
  type FilterInput,
  type QueryInput,
  type QueryKind,
} from '@sluice/contracts';
import { z } from 'zod';

const RANGE = { from: '2024-05-01', to: '2024-05-07', timezone: 'Europe/Berlin' };
const REQUEST = {
  wait_timeout_ms: 1_000,
  timeout_ms: 20_000,
  dry_run: false,
  include_sql: false,
  cache: 'refresh',
  query_id: 'attempt',
} as const;

/** Filters with every operator, every kind of field, and everything that can be put around them. */
const FILTERS: FilterInput[] = [
  {
    or: [
      { column: 'country', operator: 'is', values: ['DE', 1, true] },
      { property: 'a', operator: 'is_set' },
    ],
  },
  {
    not: {
      and: [
        { property: ['a', 'b'], operator: 'is_not', values: ['x'] },
        { column: 'page_path', operator: 'contains', values: ['x'] },
        { user_property: 'plan', operator: 'not_contains', values: ['x'] },
        { user_property: ['a', 'b'], operator: 'starts_with', values: ['x'] },
        { session: 'entry_path', operator: 'ends_with', values: ['x'] },
        { column: 'browser', operator: 'matches', values: ['x'] },
        { column: 'os', operator: 'not_matches', values: ['x'] },
        { property: 'a', operator: 'is_not_set' },
        { property: 'n', operator: 'gt', value: 1 },
        { session: 'pages', operator: 'between', values: [1, 2] },
        { property: 'at', operator: 'before', value: '2024-05-01T00:00:00Z' },
      ],
    },
  },
];
const BEHAVIOURS: FilterInput[] = [
  {
    or: [
      {
        has_done: {
          event: 'view',
          type: 'track',
          filters: [{ property: 'a', operator: 'is', values: ['x'] }],
          times: { gte: 1, lte: 5 },
          within: { last_days: 7 },
        },
      },
      { has_not_done: { event: 'pay', times: { eq: 1 }, within: { from: '2024-05-01', to: '2024-05-02' } } },
      { cohort: 'own' },
    ],
  },
];
/** Apart from the others: a question about churn is refused as a whole where a project has no scores. */
const CHURN: FilterInput[] = [
  { churn: { horizon: 30, gt: 0, lt: 1 } },
  { not: { churn: { horizon: 7, gte: 0.1, lte: 0.9 } } },
];
const SELECTOR = { event: 'view', type: 'track' as const, filters: [...FILTERS, ...BEHAVIOURS] };

/** For each kind of question requests that have every field of it. */
export const SAMPLE_QUERIES: { [K in QueryKind]: Extract<QueryInput, { kind: K }>[] } = {
  trends: [
    { kind: 'trends', filters: CHURN, breakdown: { churn: { horizon: 90 }, limit: 5 }, ...RANGE },
    {
      kind: 'trends',
      series: [
        { name: 'views', ...SELECTOR, measure: 'count' },
        { event: 'view', measure: 'sum', property: 'n' },
        { event: 'view', measure: 'trailing_users', trailing_days: 3 },
      ],
      formulas: [{ formula: 'A / B', name: 'quotient' }],
      interval: 'day',
      week_start: 'monday',
      compare: { from: '2024-04-01', to: '2024-04-07' },
      breakdown: { property: ['a', 'b'], limit: 5 },
      filters: BEHAVIOURS,
      bots: 'exclude',
      source: 'auto',
      ...RANGE,
      ...REQUEST,
    },
    { kind: 'trends', series: [{ event: 'view' }], bands: true, forecast: { buckets: 3 }, ...RANGE },
    { kind: 'trends', breakdown: { cohorts: ['own'] }, compare: 'previous_period', ...RANGE },
    { kind: 'trends', breakdown: { column: 'country', limit: 5 }, ...RANGE },
    { kind: 'trends', breakdown: { user_property: 'plan' }, ...RANGE },
    { kind: 'trends', breakdown: { session: 'channel' }, ...RANGE },
  ],
  funnel: [
    {
      kind: 'funnel',
      steps: [{ event: 'view' }],
      filters: CHURN,
      breakdown: { churn: { horizon: 7 } },
      ...RANGE,
    },
    {
      kind: 'funnel',
      steps: [
        { name: 'first', ...SELECTOR },
        { event: 'pay', type: null, filters: [] },
      ],
      order: 'ordered',
      window_seconds: 3_600,
      exclusions: [{ event: 'x', type: 'track', filters: FILTERS, after_step: 0, before_step: 1 }],
      exclusion_mode: 'leave',
      breakdown: { property: 'a', limit: 5 },
      attribution: { step: 1 },
      trend: 'day',
      week_start: 'monday',
      filters: BEHAVIOURS,
      bots: 'exclude',
      ...RANGE,
      ...REQUEST,
    },
    {
      kind: 'funnel',
      steps: [{ event: 'view' }],
      breakdown: { cohorts: ['own'] },
      attribution: 'last',
      ...RANGE,
    },
  ],
  retention: [
    { kind: 'retention', filters: CHURN, period: 'day', ...RANGE },
    {
      kind: 'retention',
      start: SELECTOR,
      return: SELECTOR,
      cohort: 'first_touch',
      match: 'on',
      clock: 'calendar',
      period: 'day',
      periods: 3,
      columns: 3,
      week_start: 'sunday',
      filters: BEHAVIOURS,
      bots: 'include',
      ...RANGE,
      ...REQUEST,
    },
  ],
  lifecycle: [
    { kind: 'lifecycle', filters: CHURN, interval: 'day', ...RANGE },
    {
      kind: 'lifecycle',
      ...SELECTOR,
      interval: 'day',
      week_start: 'monday',
      bots: 'only',
      ...RANGE,
      ...REQUEST,
    },
  ],
  stickiness: [
    { kind: 'stickiness', filters: CHURN, interval: 'day', ...RANGE },
    {
      kind: 'stickiness',
      ...SELECTOR,
      interval: 'day',
      min_events: 1,
      week_start: 'monday',
      bots: 'include',
      ...RANGE,
      ...REQUEST,
    },
  ],
  paths: [
    { kind: 'paths', filters: CHURN, step: 'page_path', ...RANGE },
    {
      kind: 'paths',
      step: 'page_or_event',
      scope: 'session',
      from_step: '/a',
      to_step: '/b',
      collapse_loops: true,
      max_steps: 4,
      min_paths: 1,
      limit: 10,
      filters: [...FILTERS, ...BEHAVIOURS],
      bots: 'include',
      ...RANGE,
      ...REQUEST,
    },
  ],
  sessions: [
    { kind: 'sessions', filters: CHURN, breakdown: { session: 'channel' }, ...RANGE },
    {
      kind: 'sessions',
      interval: 'day',
      measures: ['sessions', 'users', 'median_duration_seconds'],
      breakdown: { session: 'channel', limit: 5 },
      week_start: 'monday',
      filters: [...FILTERS, ...BEHAVIOURS],
      bots: 'include',
      ...RANGE,
      ...REQUEST,
    },
  ],
  revenue: [
    { kind: 'revenue', filters: CHURN, ...RANGE },
    {
      kind: 'revenue',
      interval: 'day',
      currency: 'EUR',
      ltv: { period: 'day', periods: 3 },
      week_start: 'monday',
      filters: [...FILTERS, ...BEHAVIOURS],
      bots: 'include',
      ...RANGE,
      ...REQUEST,
    },
  ],
  live: [
    { kind: 'live', filters: CHURN },
    {
      kind: 'live',
      minutes: 5,
      active_minutes: 5,
      limit: 5,
      filters: [...FILTERS, ...BEHAVIOURS],
      bots: 'include',
      ...REQUEST,
    },
  ],
};

const GROUP = { kind: 'value', value: 'x' } as const;

/** A number of an answer for each kind of question: who is behind it? With every field. */
export const SAMPLE_POINTS: Record<QueryKind, { query: QueryInput; point: object }[]> = {
  trends: [
    {
      query: {
        kind: 'trends',
        series: [{ event: 'view', measure: 'unique_users' }],
        breakdown: { property: 'a' },
        ...RANGE,
      },
      point: { series: 0, bucket: '2024-04-30T22:00:00.000Z', group: GROUP },
    },
  ],
  funnel: [
    {
      query: {
        kind: 'funnel',
        steps: [{ event: 'view' }, { event: 'pay' }],
        breakdown: { property: 'a' },
        trend: 'day',
        ...RANGE,
      },
      point: { step: 1, dropped: true, group: GROUP, entered_in: '2024-04-30T22:00:00.000Z' },
    },
  ],
  retention: [
    {
      query: { kind: 'retention', period: 'day', ...RANGE },
      point: { row: '2024-04-30T22:00:00.000Z', column: 1, returned: true },
    },
  ],
  lifecycle: [
    {
      query: { kind: 'lifecycle', interval: 'day', ...RANGE },
      point: { bucket: '2024-04-30T22:00:00.000Z', state: 'new' },
    },
  ],
  stickiness: [
    { query: { kind: 'stickiness', interval: 'day', ...RANGE }, point: { periods: 1, at_least: true } },
  ],
  paths: [
    {
      query: { kind: 'paths', step: 'page_or_event', ...RANGE },
      point: { source: { step: 0, name: '/a' }, target: { step: 1, name: '/b' } },
    },
  ],
  sessions: [
    {
      query: { kind: 'sessions', interval: 'day', breakdown: { session: 'channel' }, ...RANGE },
      point: { bucket: '2024-04-30T22:00:00.000Z', group: GROUP },
    },
  ],
  revenue: [
    {
      query: { kind: 'revenue', interval: 'day', ...RANGE },
      point: { currency: 'EUR', bucket: '2024-04-30T22:00:00.000Z' },
    },
  ],
  live: [{ query: { kind: 'live' }, point: {} }],
};

/** For each other body that a request can have, samples that have every field of it. */
export const SAMPLE_BODIES: Record<
  'watch' | 'channel' | 'simulate' | 'snooze' | 'feedback',
  { schema: z.ZodType; samples: object[] }
> = {
  watch: {
    schema: watchInputSchema,
    samples: [
      {
        metric: { kind: 'events', event: 'view', type: 'track', bots: 'include' },
        interval: 'hour',
        directions: ['up', 'down'],
        false_alerts_per_month: 1,
        holidays: ['2024-12-25'],
        lateness_seconds: 60,
        backfill_days: 1,
        enabled: true,
      },
      { metric: { kind: 'every_event', limit: 5, bots: 'exclude' } },
      { metric: { kind: 'health', signals: ['rejected'] } },
      { metric: { kind: 'revenue', currency: 'EUR', bots: 'include' } },
      { metric: { kind: 'saved', name: 'own', parameters: { event: 'view' }, series: 'A' } },
    ],
  },
  channel: {
    schema: channelInputSchema,
    samples: [
      {
        kind: 'webhook',
        url: 'https://example.com/',
        secret: `whsec_${'A'.repeat(32)}`,
        min_severity: 'critical',
        delivery: 'each',
        enabled: false,
      },
      { kind: 'email', addresses: ['own@example.com'], enabled: false },
    ],
  },
  simulate: {
    schema: simulateInputSchema,
    samples: [
      {
        watch: 'own',
        series: ['view'],
        days: 1,
        points: true,
        timeout_ms: 20_000,
        query_id: 'attempt',
        cache: 'refresh',
      },
      {
        definition: {
          metric: { kind: 'events', event: 'view', type: 'track', bots: 'include' },
          interval: 'hour',
          directions: ['up'],
          false_alerts_per_month: 1,
          holidays: ['2024-12-25'],
          lateness_seconds: 60,
          backfill_days: 1,
          enabled: true,
        },
        days: 1,
      },
      { definition: { metric: { kind: 'every_event', limit: 5, bots: 'exclude' } }, days: 1 },
      { definition: { metric: { kind: 'health', signals: ['rejected'] } }, days: 1 },
      { definition: { metric: { kind: 'revenue', currency: 'EUR', bots: 'include' } }, days: 1 },
      {
        definition: { metric: { kind: 'saved', name: 'own', parameters: { event: 'view' }, series: 'A' } },
        days: 1,
      },
    ],
  },
  snooze: { schema: snoozeInputSchema, samples: [{ until: '2024-05-01T00:00:00Z' }, { for_seconds: 60 }] },
  feedback: { schema: feedbackInputSchema, samples: [{ feedback: 'true_alarm' }] },
};

/** Fields of requests that no sample has: attempts on them would be missing. Waiting for a watermark is tried by itself. */
export function fieldsWithoutSample(): string[] {
  const missing: string[] = [];
  const check = (where: string, schema: z.ZodType, samples: unknown): void => {
    const known = namesIn(samples);
    for (const name of propertiesOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))) {
      if (!known.has(name) && name !== 'wait_for') missing.push(`${where}.${name}`);
    }
  };
  for (const schema of querySchema.options) {
    const kind = schema.shape.kind.value;
    check(kind, schema, SAMPLE_QUERIES[kind]);
  }
  for (const [kind, schema] of Object.entries(PEOPLE_SCHEMAS)) {
    check(
      `people of ${kind}`,
      schema.shape.point,
      SAMPLE_POINTS[kind as QueryKind].map(({ point }) => point),
    );
  }
  for (const [name, { schema, samples }] of Object.entries(SAMPLE_BODIES)) check(name, schema, samples);
  return missing;
}

function propertiesOf(schema: unknown): Set<string> {
  const names = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    for (const [key, value] of Object.entries(part)) {
      if (key === 'properties') for (const name of Object.keys(value as object)) names.add(name);
      visit(value);
    }
  };
  visit(schema);
  return names;
}

function namesIn(part: unknown, names = new Set<string>()): Set<string> {
  if (typeof part !== 'object' || part === null) return names;
  for (const [key, value] of Object.entries(part)) {
    if (!Array.isArray(part)) names.add(key);
    namesIn(value, names);
  }
  return names;
}
