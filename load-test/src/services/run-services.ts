import { createApiClient, type ApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import { createMessageTemplates } from '../shapes/message-templates.js';
import { createNumberedLoad } from '../shapes/numbered-load.js';
import { steady } from '../shapes/schedule.js';
import { progressText, runLoad } from '../shapes/steady-load.js';
import { checkDelivery, type DeliveryReport } from '../verify/check-delivery.js';
import { createRunIds } from '../verify/run-ids.js';
import { createBalancedClient } from './balanced-client.js';
import type { ComposedSystem } from './composed-system.js';
import { readMetric } from './read-metric.js';
import type { ServiceProcess } from './service-process.js';

export interface ServicesOptions {
  system: ComposedSystem;
  eventsPerSecond: number;
  batchSize: number;
  seed: number;
  /** How long it may take until everything is there, once the last restart is over, milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  onProgress: (text: string) => void;
  onStep: (text: string) => void;
}

export interface Restart {
  service: string;
  how: 'SIGTERM' | 'SIGKILL';
  /** From the signal until the process was gone, milliseconds. */
  goneMs: number;
  /** From its start until it was ready, milliseconds. */
  readyMs: number;
}

export interface ServicesReport extends DeliveryReport {
  sent: number;
  failed: number;
  retries: number;
  forcedDuplicates: number;
  /** Connections that found nobody while parts were restarted; each request went on to the next gateway. */
  refusedDuringRestart: number;
  /** Why requests were sent again: reason → how many. */
  reasons: Record<string, number>;
  restarts: Restart[];
  /** Graceful stops that did not end with 0. */
  unclean: string[];
  /** New events that each worker landed since its last start. */
  landedBy: Record<string, number>;
  /** Partitions that each worker owns at the end. */
  partitionsOf: Record<string, number>;
  /** Receipts asked for, and of them those that said anything but stored. */
  receipts: number;
  receiptsWrong: number;
}

/** Between two restarts, and before the first and after the last one. */
const CALM_MS = 1_500;
const A_DAY_MS = 86_400_000;
/** Clients never give up: what they hold is theirs to deliver. */
const GIVE_UP_AFTER_MS = 10 * 60_000;
/** What `docker-compose.yml` gives as `stop_grace_period`. */
const GRACE_MS = 30_000;
const RECEIPTS = 500;

/**
 * Restarts every part of a composed system under load, one after the other: in good order first, then two of them by
 * SIGKILL. Then checks what is left, message by message.
 */
export async function runServices(options: ServicesOptions): Promise<ServicesReport> {
  const { system, signal } = options;
  const startedAtMs = Date.now();
  const ids = createRunIds();
  const event = `services_check_${ids.run}`;
  const client = createBalancedClient({
    urls: system.gatewayUrls,
    writeKey: system.writeKey,
    timeoutMs: 10_000,
  });
  const api = createApiClient({ url: system.apiUrl, readKey: system.readKey });
  const enough = new AbortController();
  const stopLoad = (): void => enough.abort();
  signal.addEventListener('abort', stopLoad, { once: true });
  const receiptIds: string[] = [];
  const load = createNumberedLoad({
    client,
    ids,
    templates: createMessageTemplates({ seed: options.seed, users: 500, event }),
    giveUpAfterMs: GIVE_UP_AFTER_MS,
    duplicateShare: 0.02,
    onAccepted: (accepted) => {
      receiptIds.push(...accepted);
      return Promise.resolve();
    },
    signal,
  });
  const restarts: Restart[] = [];
  const unclean: string[] = [];

  async function restart(service: ServiceProcess, how: Restart['how']): Promise<void> {
    if (signal.aborted) return;
    options.onStep(`${how} to ${service.name}`);
    const signalledAt = performance.now();
    if (how === 'SIGKILL') await service.kill();
    else {
      const code = await service.stop(GRACE_MS);
      if (code !== 0) unclean.push(`${service.name} ended with ${code}`);
    }
    const goneAt = performance.now();
    await service.start();
    restarts.push({
      service: service.name,
      how,
      goneMs: Math.round(goneAt - signalledAt),
      readyMs: Math.round(performance.now() - goneAt),
    });
    await untilSharing(system.pipelines, signal);
    await wait(CALM_MS, signal);
  }

  async function restartAll(): Promise<void> {
    await untilSharing(system.pipelines, signal);
    await wait(CALM_MS, signal);
    for (const service of [...system.gateways, ...system.pipelines, system.api]) {
      await restart(service, 'SIGTERM');
    }
    await restart(system.pipelines[0]!, 'SIGKILL');
    await restart(system.gateways[0]!, 'SIGKILL');
  }

  try {
    const restarting = restartAll().finally(stopLoad);
    const sending = runLoad({
      load,
      schedule: steady({ eventsPerSecond: options.eventsPerSecond, durationMs: A_DAY_MS }),
      batchSize: options.batchSize,
      maxInFlight: 64,
      signal: enough.signal,
      onProgress: (progress) => options.onProgress(progressText(progress)),
    });
    // Both run to their ends, so that nothing of either is left when one of them fails.
    const [restarted, sent] = await Promise.allSettled([restarting, sending]);
    if (restarted.status === 'rejected') throw restarted.reason as Error;
    if (sent.status === 'rejected') throw sent.reason as Error;
    const refusedDuringRestart = client.refused;
    options.onStep('comparing what was accepted with what is stored and counted');
    const report = await checkDelivery({
      api,
      ids,
      event,
      fromMs: startedAtMs,
      accepted: load.accepted,
      watermark: load.watermark(),
      timeoutMs: options.timeoutMs,
      signal,
      onWaiting: options.onProgress,
    });
    const asked = spread(receiptIds, RECEIPTS);
    const receiptsWrong = await countWrongReceipts(api, asked);
    const { totals } = load;
    return {
      ...report,
      sent: totals.sent,
      failed: totals.failed,
      retries: totals.retries,
      forcedDuplicates: totals.forcedDuplicates,
      refusedDuringRestart,
      reasons: totals.reasons,
      restarts,
      unclean,
      landedBy: await metricOf(system.pipelines, 'sluice_pipeline_landed_total', 'sum'),
      partitionsOf: await metricOf(system.pipelines, 'sluice_event_log_lag_records', 'count'),
      receipts: asked.length,
      receiptsWrong,
    };
  } finally {
    signal.removeEventListener('abort', stopLoad);
    await client.close();
    await api.close();
  }
}

/** Resolves when each worker owns partitions, no partition has two owners, and each has landed something since its start. */
async function untilSharing(pipelines: readonly ServiceProcess[], signal: AbortSignal): Promise<void> {
  const deadlineMs = Date.now() + SHARING_TIMEOUT_MS;
  for (;;) {
    const seen = await lookAt(pipelines);
    if (seen === 'shared' || signal.aborted) return;
    if (Date.now() > deadlineMs) throw new Error(`The workers do not share the log: ${seen}.`);
    await wait(POLL_MS, signal);
  }
}

/** `shared`, or what is missing; a busy worker may be late to tell. */
async function lookAt(pipelines: readonly ServiceProcess[]): Promise<string> {
  try {
    const partitions = await metricOf(pipelines, 'sluice_event_log_lag_records', 'count');
    const landed = await metricOf(pipelines, 'sluice_pipeline_landed_total', 'sum');
    const counts = [...Object.values(partitions), ...Object.values(landed)];
    if (counts.every((count) => count > 0)) return 'shared';
    return `partitions ${JSON.stringify(partitions)}, landed ${JSON.stringify(landed)}`;
  } catch (error) {
    return String(error);
  }
}

const SHARING_TIMEOUT_MS = 240_000;
const POLL_MS = 200;

async function metricOf(
  services: readonly ServiceProcess[],
  metric: string,
  by: 'sum' | 'count',
): Promise<Record<string, number>> {
  const values = services.map(
    async ({ name, readyUrl }) =>
      [name, (await readMetric(new URL('/metrics', readyUrl).href, metric))[by]] as const,
  );
  return Object.fromEntries(await Promise.all(values));
}

async function countWrongReceipts(api: ApiClient, messageIds: readonly string[]): Promise<number> {
  let wrong = 0;
  for (const id of messageIds) {
    const receipt = await api.receipt(id);
    if (receipt?.state !== 'landed' && receipt?.state !== 'rolled_up') wrong++;
  }
  return wrong;
}

/** So many of the items, evenly from the first to the last. */
function spread<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[Math.floor(i * step)]!);
}
