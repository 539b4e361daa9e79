import { parseTraceparent, SluiceError, type QueryKind } from '@sluice/contracts';
import { endFailed, parentOf, SpanKind, type Logger, type Tracer } from '@sluice/service-kit';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/**
 * What a question is counted as: its kind; the people behind a number; what it would read; something else that is asked on
 * the same terms (names, sizes of cohorts, scores); or a watch that is tried on the past.
 */
export type AskedKind = QueryKind | 'people' | 'estimate' | 'look_up' | 'simulation';

/** A question that is being answered. */
export interface AskedQuestion {
  /** A statement was asked, or answered from memory, in which case it read nothing. */
  statementAnswered(how: 'hit' | 'miss' | 'refresh', rowsRead: number): void;
  answered(): void;
  failed(error: unknown): void;
}

/** Everything of the API that can be observed, each moment named once. Statements to the stores are measured at their port. */
export interface ApiTelemetry {
  /** A request was answered. `route` is its pattern, undefined when none matched. */
  requestAnswered(route: string | undefined, status: number): void;
  /** A question begins. `traceparent`: of the request it came with. */
  questionAsked(kind: AskedKind, of: { projectId: number; traceparent?: unknown }): AskedQuestion;
  /** The audit of a project came to an end; `wrong` messages were missing or too many, of which `facts` say more. */
  projectAudited(
    projectId: number,
    wrong: number,
    facts: { balanced: boolean; totals: unknown; rollups: unknown },
  ): void;
  /** Every project was audited. */
  auditEnded(atMs: number): void;
  auditFailed(error: unknown): void;
}

export function createApiTelemetry(logger: Logger, registry: Registry, tracer?: Tracer): ApiTelemetry {
  const registers = [registry];
  const requests = new Counter({
    name: 'sluice_api_requests_total',
    help: 'Requests by route and HTTP status.',
    labelNames: ['route', 'status'],
    registers,
  });
  const queries = new Counter({
    name: 'sluice_api_queries_total',
    help: 'Questions by kind and outcome.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const seconds = new Histogram({
    name: 'sluice_api_query_seconds',
    help: 'Time of a whole question, waiting for its watermark included.',
    labelNames: ['kind'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const rows = new Counter({
    name: 'sluice_api_rows_read_total',
    help: 'Rows that ClickHouse read for questions, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const cache = new Counter({
    name: 'sluice_api_cache_requests_total',
    help: 'Statements answered from memory (hit), not (miss), or asked anew on demand (refresh).',
    labelNames: ['result'],
    registers,
  });
  const budgetRefused = new Counter({
    name: 'sluice_api_budget_refused_total',
    help: 'Questions refused because their key had read its rows for the hour.',
    registers,
  });
  const unbalanced = new Gauge({
    name: 'sluice_audit_unbalanced',
    help: 'Messages that the last audit found missing or too many, by project; 0 when everything is right.',
    labelNames: ['project_id'],
    registers,
  });
  const auditedAt = new Gauge({
    name: 'sluice_audit_last_success_timestamp_seconds',
    help: 'When an audit of every project last came to an end.',
    registers,
  });
  const auditFailures = new Counter({
    name: 'sluice_audit_failures_total',
    help: 'Audits that could not be taken.',
    registers,
  });
  const cached = {
    hit: cache.labels('hit'),
    miss: cache.labels('miss'),
    refresh: cache.labels('refresh'),
  };

  return {
    requestAnswered(route, status) {
      requests.labels(route ?? 'none', String(status)).inc();
    },
    questionAsked(kind, { projectId, traceparent }) {
      const startedMs = performance.now();
      const span = tracer?.startSpan(
        `query ${kind}`,
        { kind: SpanKind.SERVER, attributes: { 'sluice.project_id': projectId, 'sluice.query.kind': kind } },
        parentOf(parseTraceparent(traceparent)),
      );
      let rowsRead = 0;
      const end = (outcome: string): void => {
        queries.labels(kind, outcome).inc();
        seconds.labels(kind).observe((performance.now() - startedMs) / 1_000);
        span?.setAttributes({ 'sluice.query.rows_read': rowsRead, 'sluice.query.outcome': outcome });
      };
      return {
        statementAnswered(how, read) {
          cached[how].inc();
          rows.labels(kind).inc(read);
          rowsRead += read;
        },
        answered() {
          end('ok');
          span?.end();
        },
        failed(error) {
          const code = error instanceof SluiceError ? error.code : 'internal_error';
          if (code === 'budget_exceeded') budgetRefused.inc();
          end(code);
          if (span !== undefined) endFailed(span, error);
        },
      };
    },
    projectAudited(projectId, wrong, { balanced, totals, rollups }) {
      unbalanced.set({ project_id: String(projectId) }, wrong);
      if (!balanced) logger.error({ projectId, totals, rollups }, 'the audit does not balance');
    },
    auditEnded(atMs) {
      auditedAt.set(atMs / 1_000);
    },
    auditFailed(error) {
      auditFailures.inc();
      logger.warn({ err: error }, 'the audit could not be taken');
    },
  };
}
