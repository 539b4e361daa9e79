import type { AnswerFrame, Bucket, QueryAnswer } from '@sluice/contracts';
import { describe, expect, it } from 'vitest';
import { tableOf } from './table-of.js';

const FRAME: AnswerFrame = {
  complete_through: null,
  complete: false,
  definition: '',
  exact: true,
  error_bound: 0,
  sampled: false,
  additive: false,
  statistics: { rows_read: 0, bytes_read: 0, elapsed_ms: 0, cache: 'miss' },
};

const bucket = (day: number): Bucket => ({
  start: `2024-05-0${day}T00:00:00.000Z`,
  end: `2024-05-0${day + 1}T00:00:00.000Z`,
  label: `2024-05-0${day}`,
  complete: true,
  partial: false,
});
const buckets = [bucket(1), bucket(2)];

/** Rows as objects, without what is null. */
function rowsOf(answer: object): Record<string, unknown>[] {
  const { columns, rows } = tableOf({ ...FRAME, query: {}, ...answer } as QueryAnswer);
  return rows.map((row) => {
    expect(row).toHaveLength(columns.length);
    const cells = columns.map(({ name }, index) => [name, row[index]] as const);
    return Object.fromEntries(cells.filter(([, cell]) => cell !== null));
  });
}

const { start, end, label } = bucket(1);
const first = { start, end, label, complete: true, partial: false };

describe('the table of', () => {
  it('trends has totals and buckets, of all and of each group, with the other period beside them', () => {
    const compared = { total: 3, values: [1, null], previous: { total: 9, values: [4, 5, 6] } };
    const rows = rowsOf({
      kind: 'trends',
      buckets,
      previous_buckets: [bucket(5), bucket(6), bucket(7)],
      series: [
        {
          ...{ letter: 'A', name: 'buy' },
          ...compared,
          groups: [{ kind: 'value', value: 'NO', total: 2, values: [2, 0] }],
        },
      ],
      formulas: [{ formula: 'A / 2', name: 'half', total: 1.5, values: [0.5, null] }],
    });
    expect(rows.map(({ part, series, group }) => [part, series, group])).toEqual([
      ['total', 'A', undefined],
      ...Array.from({ length: 3 }, () => ['bucket', 'A', undefined]),
      ['total', 'A', 'NO'],
      ...Array.from({ length: 2 }, () => ['bucket', 'A', 'NO']),
      ['total', 'A / 2', undefined],
      ...Array.from({ length: 2 }, () => ['bucket', 'A / 2', undefined]),
    ]);
    expect(rows[1]).toEqual({
      ...{ part: 'bucket', series: 'A', name: 'buy', group_kind: 'all', value: 1, ...first },
      ...{ previous_start: bucket(5).start, previous_value: 4 },
    });
    expect(rows[3]).toMatchObject({ previous_value: 6 });
    expect(rows[3]).not.toHaveProperty('start');
  });

  it('a funnel has its steps, of all and of each group, and its trend', () => {
    const step = { users: 4, dropped: 1, conversion_from_previous: 0.8, conversion_from_first: 0.5 };
    const steps = [{ name: 'view', ...step, avg_seconds: null, median_seconds: 2, p90_seconds: 3 }];
    const rows = rowsOf({
      kind: 'funnel',
      steps,
      groups: [{ kind: 'none', value: null, steps }],
      trend: { buckets: [{ ...bucket(1), mature: true }], entered: [4], converted: [2], rate: [0.5] },
    });
    expect(rows).toEqual([
      { part: 'step', group_kind: 'all', step: 0, name: 'view', ...step, median_seconds: 2, p90_seconds: 3 },
      { part: 'step', group_kind: 'none', step: 0, name: 'view', ...step, median_seconds: 2, p90_seconds: 3 },
      { part: 'trend', group_kind: 'all', ...first, mature: true, entered: 4, converted: 2, rate: 0.5 },
    ]);
  });

  it('retention has its cells and their averages', () => {
    const rows = rowsOf({
      kind: 'retention',
      rows: [{ start, end, label, size: 4, cells: [{ users: 4, rate: 1, mature: true }] }],
      averages: [{ rate: 1, cohorts: 1, users: 4 }],
    });
    expect(rows).toEqual([
      { part: 'cell', start, end, label, size: 4, column: 0, users: 4, rate: 1, mature: true },
      { part: 'average', column: 0, users: 4, rate: 1, cohorts: 1 },
    ]);
  });

  it('a lifecycle has its buckets', () => {
    const counts = { new: [1, null], returning: [2, 0], resurrecting: [3, 0], dormant: [4, 0] };
    const [row, next] = rowsOf({ kind: 'lifecycle', buckets, ...counts });
    expect(row).toEqual({ ...first, new: 1, returning: 2, resurrecting: 3, dormant: 4 });
    expect(next).not.toHaveProperty('new');
  });

  it('stickiness has the people by their active periods', () => {
    expect(rowsOf({ kind: 'stickiness', periods: 2, users: [3, 1], cumulative: [4, 1] })).toEqual([
      { periods: 1, users: 3, users_at_least: 4 },
      { periods: 2, users: 1, users_at_least: 1 },
    ]);
  });

  it('paths has the edges', () => {
    const numbers = { paths: 3, users: 2, median_seconds: 1.5 };
    const edge = { source: { step: 0, name: '/' }, target: { step: 1, name: '/a' }, ...numbers };
    expect(rowsOf({ kind: 'paths', paths: 3, edges: [edge], edges_left_out: 0 })).toEqual([
      { source_step: 0, source: '/', target_step: 1, target: '/a', ...numbers },
    ]);
  });

  it('sessions has the total, buckets and groups, and nothing in the columns of what was not asked for', () => {
    const numbers = { sessions: 2, users: 1, pageviews: 3, pages_per_session: 1.5, bounce_rate: 0.5 };
    const rows = rowsOf({
      kind: 'sessions',
      buckets: [bucket(1)],
      total: numbers,
      values: [null],
      groups: [{ kind: 'other', value: null, ...numbers }],
    });
    expect(rows).toEqual([
      { part: 'total', group_kind: 'all', ...numbers },
      { part: 'bucket', group_kind: 'all', ...first },
      { part: 'group', group_kind: 'other', ...numbers },
    ]);
  });

  it('revenue has totals, buckets and lifetime values, by currency', () => {
    const numbers = { revenue: '12.50', purchases: 2, paying_users: 1, users: 3, per_user: 4.2 };
    const rows = rowsOf({
      kind: 'revenue',
      buckets: [bucket(1)],
      currencies: [
        {
          currency: 'EUR',
          total: numbers,
          values: [numbers],
          ltv: { users: 3, points: [{ age: 0, users: 3, per_user: 4 }] },
        },
      ],
    });
    expect(rows).toEqual([
      { part: 'total', currency: 'EUR', ...numbers },
      { part: 'bucket', currency: 'EUR', ...first, ...numbers },
      { part: 'ltv', currency: 'EUR', age: 0, users: 3, per_user: 4 },
    ]);
  });

  it('live has what is now, the minutes and the lists', () => {
    const top = (value: string) => [{ value, users: 1, events: 2 }];
    const rows = rowsOf({
      ...{ kind: 'live', now: end, active_users: 1, events: 2 },
      ...{ minutes: [{ start, events: 2, users: 1 }], pages: top('/'), names: top('buy') },
      ...{ channels: top('direct'), countries: top('NO') },
    });
    expect(rows.map(({ part, value, start: at }) => [part, value ?? at])).toEqual([
      ['now', end],
      ['minute', start],
      ['page', '/'],
      ['event', 'buy'],
      ['channel', 'direct'],
      ['country', 'NO'],
    ]);
  });
});
