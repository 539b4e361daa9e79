import {
  SluiceError,
  type Bucket,
  type FunnelAnswer,
  type GroupName,
  type LifecycleAnswer,
  type LiveAnswer,
  type PathsAnswer,
  type QueryAnswer,
  type RetentionAnswer,
  type RevenueAnswer,
  type SessionsAnswer,
  type StickinessAnswer,
  type TrendsAnswer,
} from '@sluice/contracts';
import { tableWith, type Row, type Table } from './table.js';

/**
 * An answer as one flat table. Its columns depend on the kind alone. Numbers that cannot be added up from the others, such
 * as totals of unique users, have rows of their own: the column `part` says what a row is about.
 */
export function tableOf(answer: QueryAnswer): Table {
  switch (answer.kind) {
    case 'trends':
      return trendsTable(answer);
    case 'funnel':
      return funnelTable(answer);
    case 'retention':
      return retentionTable(answer);
    case 'lifecycle':
      return lifecycleTable(answer);
    case 'stickiness':
      return stickinessTable(answer);
    case 'paths':
      return pathsTable(answer);
    case 'sessions':
      return sessionsTable(answer);
    case 'revenue':
      return revenueTable(answer);
    case 'live':
      return liveTable(answer);
    case 'estimate':
      throw new SluiceError('invalid_query', { message: 'An estimate has no table.' });
  }
}

const BUCKET = {
  start: 'instant',
  end: 'instant',
  label: 'text',
  complete: 'boolean',
  partial: 'boolean',
} as const;
const GROUP = { group_kind: 'text', group: 'text' } as const;

const bucketCells = ({ start, end, label, complete, partial }: Bucket): Row => ({
  start,
  end,
  label,
  complete,
  partial,
});
const groupCells = ({ kind, value }: GroupName): Row => ({ group_kind: kind, group: value });
/** Everybody: with groups and without. */
const ALL: Row = { group_kind: 'all' };

type Compared = Pick<TrendsAnswer['series'][number], 'total' | 'values' | 'previous'>;

function trendsTable({ buckets, previous_buckets = [], series, formulas }: TrendsAnswer): Table {
  function* rowsOf(named: Row, { total, values, previous }: Compared): Generator<Row> {
    yield { ...named, part: 'total', value: total, previous_value: previous?.total };
    const length = Math.max(buckets.length, previous?.values.length ?? 0);
    for (let index = 0; index < length; index += 1) {
      const bucket = buckets[index];
      yield {
        ...named,
        part: 'bucket',
        ...(bucket === undefined ? {} : bucketCells(bucket)),
        value: values[index],
        previous_start: previous === undefined ? undefined : previous_buckets[index]?.start,
        previous_value: previous?.values[index],
      };
    }
  }
  function* rows(): Generator<Row> {
    const named = [
      ...series.map((one) => ({ cells: { series: one.letter, name: one.name }, one })),
      ...formulas.map((one) => ({ cells: { series: one.formula, name: one.name }, one })),
    ];
    for (const { cells, one } of named) {
      yield* rowsOf({ ...cells, ...ALL }, one);
      for (const group of one.groups ?? []) yield* rowsOf({ ...cells, ...groupCells(group) }, group);
    }
  }
  return tableWith(
    {
      part: 'text',
      series: 'text',
      name: 'text',
      ...GROUP,
      ...BUCKET,
      value: 'number',
      previous_start: 'instant',
      previous_value: 'number',
    },
    rows(),
  );
}

function funnelTable({ steps, groups = [], trend }: FunnelAnswer): Table {
  const stepRows = (named: Row, of: FunnelAnswer['steps']): Row[] =>
    of.map((step, index) => ({ ...named, part: 'step', step: index, ...step }));
  const trendRows = (trend?.buckets ?? []).map((bucket, index): Row => ({
    ...ALL,
    part: 'trend',
    ...bucketCells(bucket),
    mature: bucket.mature,
    entered: trend!.entered[index],
    converted: trend!.converted[index],
    rate: trend!.rate[index],
  }));
  return tableWith(
    {
      part: 'text',
      ...GROUP,
      step: 'integer',
      name: 'text',
      users: 'integer',
      dropped: 'integer',
      conversion_from_previous: 'number',
      conversion_from_first: 'number',
      avg_seconds: 'number',
      median_seconds: 'number',
      p90_seconds: 'number',
      ...BUCKET,
      mature: 'boolean',
      entered: 'integer',
      converted: 'integer',
      rate: 'number',
    },
    [
      ...stepRows(ALL, steps),
      ...groups.flatMap((group) => stepRows(groupCells(group), group.steps)),
      ...trendRows,
    ],
  );
}

function retentionTable({ rows, averages }: RetentionAnswer): Table {
  return tableWith(
    {
      part: 'text',
      start: 'instant',
      end: 'instant',
      label: 'text',
      size: 'integer',
      column: 'integer',
      users: 'integer',
      rate: 'number',
      mature: 'boolean',
      cohorts: 'integer',
    },
    [
      ...rows.flatMap(({ start, end, label, size, cells }) =>
        cells.map(({ users, rate, mature }, column): Row => ({
          part: 'cell',
          ...{ start, end, label, size, column, users, rate, mature },
        })),
      ),
      ...averages.map(({ rate, cohorts, users }, column): Row => ({
        part: 'average',
        column,
        users,
        rate,
        cohorts,
      })),
    ],
  );
}

function lifecycleTable(answer: LifecycleAnswer): Table {
  return tableWith(
    { ...BUCKET, new: 'integer', returning: 'integer', resurrecting: 'integer', dormant: 'integer' },
    answer.buckets.map((bucket, index) => ({
      ...bucketCells(bucket),
      new: answer.new[index],
      returning: answer.returning[index],
      resurrecting: answer.resurrecting[index],
      dormant: answer.dormant[index],
    })),
  );
}

function stickinessTable({ users, cumulative }: StickinessAnswer): Table {
  return tableWith(
    { periods: 'integer', users: 'integer', users_at_least: 'integer' },
    users.map((exactly, index) => ({
      periods: index + 1,
      users: exactly,
      users_at_least: cumulative[index],
    })),
  );
}

function pathsTable({ edges }: PathsAnswer): Table {
  return tableWith(
    {
      source_step: 'integer',
      source: 'text',
      target_step: 'integer',
      target: 'text',
      paths: 'integer',
      users: 'integer',
      median_seconds: 'number',
    },
    edges.map(({ source, target, paths, users, median_seconds }) => ({
      source_step: source.step,
      source: source.name,
      target_step: target.step,
      target: target.name,
      ...{ paths, users, median_seconds },
    })),
  );
}

/** Measures that were not asked for have empty columns. */
function sessionsTable({ buckets, total, values, groups = [] }: SessionsAnswer): Table {
  return tableWith(
    {
      part: 'text',
      ...GROUP,
      ...BUCKET,
      sessions: 'integer',
      users: 'integer',
      pageviews: 'integer',
      pages_per_session: 'number',
      bounce_rate: 'number',
      avg_duration_seconds: 'number',
      median_duration_seconds: 'number',
    },
    [
      { part: 'total', ...ALL, ...total },
      ...buckets.map((bucket, index): Row => ({
        part: 'bucket',
        ...ALL,
        ...bucketCells(bucket),
        ...values[index],
      })),
      ...groups.map(({ kind, value, ...numbers }): Row => ({
        part: 'group',
        ...groupCells({ kind, value }),
        ...numbers,
      })),
    ],
  );
}

function revenueTable({ buckets, currencies }: RevenueAnswer): Table {
  return tableWith(
    {
      part: 'text',
      currency: 'text',
      ...BUCKET,
      revenue: 'decimal',
      purchases: 'integer',
      paying_users: 'integer',
      users: 'integer',
      per_user: 'number',
      per_paying_user: 'number',
      average_order: 'number',
      age: 'integer',
    },
    currencies.flatMap(({ currency, total, values, ltv }): Row[] => [
      { part: 'total', currency, ...total },
      ...buckets.map((bucket, index) => ({
        part: 'bucket',
        currency,
        ...bucketCells(bucket),
        ...values[index],
      })),
      ...(ltv?.points ?? []).map((point) => ({ part: 'ltv', currency, ...point })),
    ]),
  );
}

function liveTable(answer: LiveAnswer): Table {
  const top = (part: string, values: LiveAnswer['pages']): Row[] =>
    values.map((value) => ({ part, ...value }));
  return tableWith({ part: 'text', start: 'instant', value: 'text', users: 'integer', events: 'integer' }, [
    { part: 'now', start: answer.now, users: answer.active_users, events: answer.events },
    ...answer.minutes.map((minute) => ({ part: 'minute', ...minute })),
    ...top('page', answer.pages),
    ...top('event', answer.names),
    ...top('channel', answer.channels),
    ...top('country', answer.countries),
  ]);
}
