import { SluiceError } from '@sluice/contracts';
import type { KeyOwner } from '@sluice/service-kit';

const HOUR_MS = 3_600_000;

/** How many rows each key may have read for it in an hour. Answers from memory cost nothing. */
export interface ReadBudgets {
  /** @throws SluiceError budget_exceeded, with the time until the next hour. */
  check(owner: KeyOwner): void;
  spend(owner: KeyOwner, rows: number): void;
  /** What is left, and when the next hour begins; undefined where there is no limit. */
  of(owner: KeyOwner): { limit: number; left: number; resetSeconds: number } | undefined;
}

/** Budgets of this process: several servers give each their own. */
export function createReadBudgets(options: { rowsPerHour: number; now: () => number }): ReadBudgets {
  const { rowsPerHour, now } = options;
  let hour = -1;
  const spent = new Map<number, number>();

  function spentBy(keyId: number): number {
    const current = Math.floor(now() / HOUR_MS);
    if (current !== hour) {
      hour = current;
      spent.clear();
    }
    return spent.get(keyId) ?? 0;
  }
  const resetSeconds = (): number => Math.ceil((HOUR_MS - (now() % HOUR_MS)) / 1_000);
  const limitOf = (owner: KeyOwner): number | undefined => {
    const limit = owner.rowsPerHour ?? rowsPerHour;
    return limit === 0 ? undefined : limit;
  };

  return {
    check(owner) {
      const limit = limitOf(owner);
      if (limit === undefined || spentBy(owner.keyId) < limit) return;
      throw new SluiceError('budget_exceeded', {
        message: `Questions with this key have read ${spentBy(owner.keyId)} rows in this hour; ${limit} is its budget.`,
        retryAfterSeconds: resetSeconds(),
      });
    },
    spend(owner, rows) {
      if (rows > 0) spent.set(owner.keyId, spentBy(owner.keyId) + rows);
    },
    of(owner) {
      const limit = limitOf(owner);
      if (limit === undefined) return undefined;
      return { limit, left: Math.max(0, limit - spentBy(owner.keyId)), resetSeconds: resetSeconds() };
    },
  };
}
