import { createApiClient } from '../client/api-client.js';
import { createGatewayClient } from '../client/gateway-client.js';
import { wait } from '../client/wait.js';
import type { StandaloneInstance } from '../instance/standalone-instance.js';
import { createMessageTemplates } from '../shapes/message-templates.js';
import { createNumberedLoad } from '../shapes/numbered-load.js';
import { steady } from '../shapes/schedule.js';
import { progressText, runLoad } from '../shapes/steady-load.js';
import { checkDelivery, type DeliveryReport } from '../verify/check-delivery.js';
import { createRunIds } from '../verify/run-ids.js';
import type { PlannedKill, Victim } from './plan-kills.js';
import { strike, untilRecovered, type Broker } from './strike.js';

export interface FaultsOptions {
  instance: StandaloneInstance;
  /** The log's own broker, when it has one that can be killed. */
  broker: Broker | undefined;
  plan: readonly PlannedKill[];
  eventsPerSecond: number;
  batchSize: number;
  seed: number;
  /** Share of the accepted requests that are sent once more. */
  duplicateShare: number;
  /** How long it may take until everything is there, once the last kill is over, milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  onProgress: (text: string) => void;
  onKill: (text: string) => void;
}

export interface FaultsReport extends DeliveryReport {
  kills: number;
  killed: Partial<Record<Victim, number>>;
  sent: number;
  failed: number;
  retries: number;
  forcedDuplicates: number;
  elapsedMs: number;
  /** Why requests were sent again: reason → how many. */
  reasons: Record<string, number>;
}

/** The load goes on for so long before the first kill and after the last. */
const CALM_MS = 2_000;
const A_DAY_MS = 86_400_000;
/** Clients never give up: what they hold is theirs to deliver. */
const GIVE_UP_AFTER_MS = 10 * 60_000;

/** Kills parts of an instance under steady load and checks what is left, message by message. */
export async function runFaults(options: FaultsOptions): Promise<FaultsReport> {
  const { instance, plan, signal } = options;
  const { target } = instance;
  const startedAtMs = Date.now();
  const ids = createRunIds();
  const event = `fault_check_${ids.run}`;
  const client = createGatewayClient({
    url: target.gatewayUrl,
    writeKey: target.writeKey,
    timeoutMs: 10_000,
  });
  const api = createApiClient({ url: target.apiUrl, readKey: target.readKey });
  const enough = new AbortController();
  const stopLoad = (): void => enough.abort();
  signal.addEventListener('abort', stopLoad, { once: true });
  const load = createNumberedLoad({
    client,
    ids,
    templates: createMessageTemplates({ seed: options.seed, users: 200, event }),
    giveUpAfterMs: GIVE_UP_AFTER_MS,
    duplicateShare: options.duplicateShare,
    signal,
  });
  const killed: Partial<Record<Victim, number>> = {};
  let kills = 0;

  async function strikeAll(): Promise<void> {
    await wait(CALM_MS, signal);
    for (const kill of plan) {
      await wait(kill.afterMs, signal);
      if (signal.aborted) return;
      kills++;
      killed[kill.victim] = (killed[kill.victim] ?? 0) + 1;
      options.onKill(`kill ${kills} of ${plan.length}: ${kill.victim}${kill.hasty ? ', in haste' : ''}`);
      await strike(kill, { instance, broker: options.broker, signal });
      if (!kill.hasty) await untilRecovered(instance, signal);
    }
    await untilRecovered(instance, signal);
    await wait(CALM_MS, signal);
  }

  try {
    const striking = strikeAll().finally(stopLoad);
    const sending = runLoad({
      load,
      schedule: steady({ eventsPerSecond: options.eventsPerSecond, durationMs: A_DAY_MS }),
      batchSize: options.batchSize,
      maxInFlight: 32,
      signal: enough.signal,
      onProgress: (progress) => options.onProgress(progressText(progress)),
    });
    // Both run to their ends, so that nothing of either is left when one of them fails.
    const [strikes, sent] = await Promise.allSettled([striking, sending]);
    if (strikes.status === 'rejected') throw strikes.reason as Error;
    if (sent.status === 'rejected') throw sent.reason as Error;
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
    const { totals } = load;
    return {
      ...report,
      kills,
      killed,
      sent: totals.sent,
      failed: totals.failed,
      retries: totals.retries,
      forcedDuplicates: totals.forcedDuplicates,
      elapsedMs: Date.now() - startedAtMs,
      reasons: totals.reasons,
    };
  } finally {
    signal.removeEventListener('abort', stopLoad);
    await client.close();
    await api.close();
  }
}
