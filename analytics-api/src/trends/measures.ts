import { SluiceError, type Measure, type TrendsSeries } from '@sluice/contracts';
import { propertySql } from '../sql/field-sql.js';

/** How a measure is made from rows: of parts that are merged, so that a total is measured for itself. */
export interface MeasureSql {
  /** Columns of a row beside its bucket and group. Names that rows of rollups give: `n`, `person`. */
  columns: string;
  /** The part of some rows. */
  partial: string;
  /** The measure of some parts. */
  merged: string;
  /** The measure of some rows. */
  whole: string;
  /**
   * What ranks groups, from the `part` of each and its number of rows, `parts`: the measure, where it says how important a
   * group is. The largest average says nothing.
   */
  rank: string;
}

export const DEFINITIONS: Record<Measure, string> = {
  count: 'Events, each counted once, by the time at which they happened.',
  unique_users:
    'Different people with at least one event, counted for each bucket and for the total by themselves. A person is a user id, or an anonymous id where there is none, after all merges known so far; events with neither id are left out.',
  unique_sessions:
    'Different sessions with at least one event, counted for each bucket and for the total by themselves.',
  count_per_user: 'Events of somebody, divided by the different people who did them.',
  trailing_users:
    'Different people with at least one event in the days up to the end of the bucket; for the total, up to the end of the range. Days are local for buckets of a day, times 24 hours for shorter ones. A bucket as long as these days, or longer, counts the people in it.',
  sum: 'Sum of the numbers in the property.',
  avg: 'Mean of the numbers in the property; events without a number are left out.',
  min: 'Smallest number in the property.',
  max: 'Largest number in the property.',
  p50: 'Median of the numbers in the property, interpolated between the two in the middle.',
  p90: '90th percentile of the numbers in the property, interpolated (Hyndman and Fan, type 7).',
  p99: '99th percentile of the numbers in the property, interpolated (Hyndman and Fan, type 7).',
};

/** Measures whose buckets and groups add up. */
export const ADDITIVE: ReadonlySet<Measure> = new Set(['count', 'sum']);
/** Measures for which nothing to count is zero; of the others there is then no number. */
export const COUNTING: ReadonlySet<Measure> = new Set([
  'count',
  'unique_users',
  'unique_sessions',
  'trailing_users',
  'sum',
]);
/** Measures that only events of somebody have a part in. */
export const OF_PEOPLE: ReadonlySet<Measure> = new Set(['unique_users', 'count_per_user', 'trailing_users']);

const aggregate = (
  name: string,
  argument: string,
  parameters = '',
): Omit<MeasureSql, 'columns' | 'rank'> => ({
  partial: `${name}State${parameters}(${argument})`,
  merged: `${name}Merge${parameters}(part)`,
  whole: `${name}${parameters}(${argument})`,
});

const VALUE_OF_PART = 'finalizeAggregation(part)';

/** The SQL of a measure over single events, or over rows of a rollup that give `n` and `person`. */
export function measureSql(series: TrendsSeries): MeasureSql {
  const { measure } = series;
  switch (measure) {
    case 'count':
      return { columns: 'n', partial: 'sum(n)', merged: 'sum(part)', whole: 'sum(n)', rank: 'part' };
    case 'unique_users':
    case 'trailing_users':
      return { columns: 'person', ...aggregate('uniqExact', 'person'), rank: VALUE_OF_PART };
    case 'unique_sessions':
      return {
        columns: 'session_id',
        ...aggregate('uniqExact', 'session_id'),
        rank: VALUE_OF_PART,
      };
    case 'count_per_user':
      return {
        columns: 'n, person',
        partial: '(sum(n), uniqExactState(person))',
        merged: 'sum(part.1) / uniqExactMerge(part.2)',
        whole: 'sum(n) / uniqExact(person)',
        rank: 'part.1',
      };
    case 'sum':
      // Kahan's summation: the order in which parts are read must not show in the sum.
      return { columns: 'x', ...aggregate('sumKahan', 'x'), rank: VALUE_OF_PART };
    case 'avg':
      return {
        columns: 'x',
        partial: '(sumKahanState(x), count())',
        merged: 'sumKahanMerge(part.1) / sum(part.2)',
        whole: 'sumKahan(x) / count()',
        rank: 'parts',
      };
    case 'min':
    case 'max':
      return { columns: 'x', ...aggregate(measure, 'x'), rank: 'parts' };
    case 'p50':
    case 'p90':
    case 'p99':
      return {
        columns: 'x',
        ...aggregate('quantileExactInclusive', 'x', `(0.${measure.slice(1)})`),
        rank: 'parts',
      };
  }
}

/** The number that a series measures, as SQL; undefined for counts. */
export function measuredNumber(series: TrendsSeries, field: string): string | undefined {
  if (series.property === undefined) return undefined;
  const { number } = propertySql(series.property);
  if (number !== undefined) return number;
  throw new SluiceError('invalid_query', { message: 'This is no property.', field });
}
