import { Counter, Gauge, type Registry } from 'prom-client';
import type { ApiContext } from '../api-context.js';
import { askActiveProjects } from '../questions/active-projects.js';
import { takeAudit } from './take-audit.js';

const HOUR_MS = 3_600_000;

export interface Auditor {
  /** Audits the last hour of every project that received something in it. */
  runOnce(): Promise<void>;
  stop(): Promise<void>;
}

/** Takes the audit again and again for the metrics, so that an imbalance is noticed without anybody asking. */
export function startAuditor(context: ApiContext, registry: Registry): Auditor {
  const { config, logger } = context;
  const unbalanced = new Gauge({
    name: 'sluice_audit_unbalanced',
    help: 'Messages that the last audit found missing or too many, by project; 0 when everything is right.',
    labelNames: ['project_id'],
    registers: [registry],
  });
  const checkedAt = new Gauge({
    name: 'sluice_audit_last_success_timestamp_seconds',
    help: 'When an audit of every project last came to an end.',
    registers: [registry],
  });
  const failures = new Counter({
    name: 'sluice_audit_failures_total',
    help: 'Audits that could not be taken.',
    registers: [registry],
  });
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, context.stopping]);
  let running: Promise<void> = Promise.resolve();

  async function runOnce(): Promise<void> {
    const toMs = context.now() + 1;
    const { rows } = await context.runPostgres(askActiveProjects(toMs - HOUR_MS), { signal });
    for (const { project_id: projectId } of rows) {
      const audit = await takeAudit(
        { projectId, fromMs: toMs - HOUR_MS, toMs, everyMinute: true, signal },
        context,
      );
      const { rollups } = audit;
      let wrong = rollups.balanced ? 0 : 1;
      for (const { difference } of audit.minutes ?? []) {
        wrong += Math.abs(difference.ledger) + Math.abs(difference.raw) + Math.abs(difference.columnar);
      }
      unbalanced.set({ project_id: String(projectId) }, wrong);
      if (!audit.balanced) {
        logger.error({ projectId, totals: audit.totals, rollups }, 'the audit does not balance');
      }
    }
    checkedAt.set(context.now() / 1_000);
  }

  const timer =
    config.auditIntervalMs === 0
      ? undefined
      : setInterval(() => {
          running = running.then(async () => {
            try {
              await runOnce();
            } catch (error) {
              if (stopping.signal.aborted) return;
              failures.inc();
              logger.warn({ err: error }, 'the audit could not be taken');
            }
          });
        }, config.auditIntervalMs);
  timer?.unref();

  return {
    runOnce,
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}
