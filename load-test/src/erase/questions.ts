import type { QueryInput } from '@sluice/contracts';

/** Questions of every kind over a range, of which the answers must be those of a project that never had the person. */
export function questionsOver(from: string, to: string): QueryInput[] {
  const range = { from, to, timezone: 'Europe/Berlin', cache: 'refresh' } as const;
  const events = ['View', 'Search', 'Add', 'Buy'];
  return [
    ...(['count', 'unique_users'] as const).flatMap((measure): QueryInput[] => [
      { kind: 'trends', series: [{ measure }], interval: 'day', ...range },
      { kind: 'trends', series: [{ measure }], interval: 'day', source: 'raw', ...range },
      { kind: 'trends', series: events.map((event) => ({ event, measure })), interval: 'hour', ...range },
    ]),
    {
      kind: 'trends',
      series: [{ event: 'Buy', measure: 'sum', property: 'revenue' }],
      interval: 'week',
      ...range,
    },
    { kind: 'trends', series: [{ measure: 'count' }], breakdown: { property: 'path' }, ...range },
    { kind: 'trends', series: [{ measure: 'unique_users' }], breakdown: { session: 'channel' }, ...range },
    { kind: 'funnel', steps: [{ event: 'View' }, { event: 'Add' }, { event: 'Buy' }], ...range },
    { kind: 'retention', period: 'week', cohort: 'recurring', ...range },
    { kind: 'retention', period: 'day', columns: 30, cohort: 'first_touch', ...range },
    { kind: 'lifecycle', interval: 'week', ...range },
    { kind: 'stickiness', interval: 'day', ...range },
    { kind: 'paths', step: 'page_or_event', ...range },
    { kind: 'sessions', interval: 'day', ...range },
    { kind: 'revenue', ...range },
  ];
}
