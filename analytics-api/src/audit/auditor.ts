import type { ApiContext } from '../api-context.js';
import { askActiveProjects } from '../questions/active-projects.js';
import type { ApiTelemetry } from '../telemetry.js';
import { takeAudit } from './take-audit.js';

const HOUR_MS = 3_600_000;

export interface Auditor {
  /** Audits the last hour of every project that received something in it. */
  runOnce(): Promise<void>;
  stop(): Promise<void>;
}

/** Takes the audit again and again for the metrics, so that an imbalance is noticed without anybody asking. */
export function startAuditor(context: ApiContext, telemetry: ApiTelemetry): Auditor {
  const { config } = context;
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
      telemetry.projectAudited(projectId, wrong, audit);
    }
    telemetry.auditEnded(context.now());
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
              telemetry.auditFailed(error);
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
