import type { RevenueAnswer } from '@sluice/contracts';
import type { AgePeriods } from './ages.js';
import type { ComersRow, LifetimeRow } from './ask-lifetime.js';

type Ltv = NonNullable<RevenueAnswer['currencies'][number]['ltv']>;

/**
 * Revenue per person up to each age. A person has reached an age when the local period in which they have it is over and
 * complete; whoever has not is neither counted nor is what they paid.
 *
 * @param rows Of one currency.
 */
export function lifetimeValue(
  ages: number,
  { ended }: Pick<AgePeriods, 'ended'>,
  comers: readonly ComersRow[],
  rows: readonly LifetimeRow[],
): Ltv {
  return {
    users: comers.reduce((sum, { people }) => sum + people, 0),
    points: Array.from({ length: ages }, (_, age) => {
      const hasReached = (came: number): boolean => came + age < ended;
      const users = comers.reduce((sum, { came, people }) => sum + (hasReached(came) ? people : 0), 0);
      const paid = rows
        .filter((row) => hasReached(row.came) && row.age <= age)
        .reduce((sum, { revenue }) => sum + tenThousandths(revenue), 0n);
      return { age, users, per_user: users === 0 ? null : Number(paid) / 10_000 / users };
    }),
  };
}

/** A decimal of at most four digits after the point, as a whole number of its smallest unit. */
function tenThousandths(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(4, '0'));
}
