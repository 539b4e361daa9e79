import {
  querySchema,
  SluiceError,
  type Integrity,
  type PeopleAnswer,
  type QueryInput,
} from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { answerPeople, answerQuery } from '../ask/answer-query.js';
import { readDataView, type RequestOptions } from '../ask/run-request.js';
import { takeAudit } from '../audit/take-audit.js';
import { isoOf, resolveRange, zoneOf } from '../time/range.js';
import { checksOf, type AskQuestion, type CheckTools } from './checks.js';
import { reconcile } from './reconcile.js';

export interface IntegrityRequest {
  from?: string | undefined;
  to?: string | undefined;
  timezone?: string | undefined;
}

/** Event names that are looked at one by one, at most. */
const MAX_EVENTS = 3;
const PAGE = 1_000;
/** Lists are paged through to their end up to here; of longer ones the count is taken. */
const MAX_LISTED = 20_000;

/** Reconciles the answers of a project with each other, with its stored events and with its ledger, as of now. */
export async function checkIntegrity(
  request: IntegrityRequest,
  options: RequestOptions,
  context: ApiContext,
): Promise<Integrity> {
  const { owner, signal } = options;
  const { projectId, timezone } = owner.project;
  const zone = zoneOf(request.timezone ?? timezone);
  const range = resolveRange(request, zone, context.now());
  const bounds = { from: isoOf(range.fromMs), to: isoOf(range.toMs), timezone: zone.name };

  const ask: AskQuestion = async (question) => {
    const answer = await answerQuery(querySchema.parse(question), options, context);
    if (answer.kind !== question.kind) throw new SluiceError('internal_error');
    return answer as never;
  };
  const tools: CheckTools = {
    ask,
    async listLength(question: QueryInput, point: object) {
      const query = querySchema.parse(question);
      let listed = 0;
      let cursor: string | undefined;
      do {
        const page = (await answerPeople(
          { query, point, cursor, limit: PAGE },
          options,
          context,
        )) as PeopleAnswer;
        if (page.total > MAX_LISTED) return page.total;
        listed += page.people.length;
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      return listed;
    },
    async ledgerDifferences() {
      const { totals } = await takeAudit(
        { projectId, fromMs: range.fromMs, toMs: range.toMs, everyMinute: false, signal },
        context,
      );
      const { ledger, raw, columnar } = totals.difference;
      return Math.abs(ledger) + Math.abs(raw) + Math.abs(columnar);
    },
  };
  const dataVersion = async (): Promise<string> =>
    (await readDataView({}, options, signal, context)).dataVersion;

  const names = await ask({
    kind: 'trends',
    series: [{ type: 'track' }],
    interval: 'total',
    breakdown: { column: 'event', limit: MAX_EVENTS },
    ...bounds,
  });
  const events = (names.series[0]!.groups ?? []).flatMap(({ kind, value }) =>
    kind === 'value' && value !== null ? [value] : [],
  );
  const checks = [];
  for (const check of checksOf({ ...bounds, events })) {
    checks.push(await reconcile(check, tools, dataVersion, signal));
  }
  return {
    from: bounds.from,
    to: bounds.to,
    timezone: bounds.timezone,
    complete_through: names.complete_through,
    ok: checks.every(({ verdict }) => verdict === 'equal'),
    checks,
  };
}
