import type { ApiScope } from '../api-context.js';
import type { ReadBudgets } from './read-budgets.js';

export const BUDGET_HEADERS = ['query-budget-limit', 'query-budget-remaining', 'query-budget-reset'] as const;

/**
 * Says with every answer how many rows the key may still have read in this hour, and in how many seconds the hour ends; with
 * a key that has no budget, nothing. Requests have the standard `ratelimit-*` beside them.
 */
export function sayBudgets(app: ApiScope, budgets: ReadBudgets): void {
  const [limit, remaining, reset] = BUDGET_HEADERS;
  app.addHook('onSend', async (request, reply, payload) => {
    // A request without a key has no owner.
    const owner = request.owner as typeof request.owner | undefined;
    const budget = owner === undefined ? undefined : budgets.of(owner);
    if (budget !== undefined) {
      void reply
        .header(limit, String(budget.limit))
        .header(remaining, String(budget.left))
        .header(reset, String(budget.resetSeconds));
    }
    return payload;
  });
}
