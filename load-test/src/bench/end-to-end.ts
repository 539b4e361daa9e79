import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError, createApiClient, type ApiClient } from '../client/api-client.js';
import { createGatewayClient, type GatewayClient } from '../client/gateway-client.js';
import { wait } from '../client/wait.js';
import { watchProcesses, type ProcessWatch } from '../instance/process-watch.js';
import { startStandalone, type StandaloneInstance } from '../instance/standalone-instance.js';
import { createLatencyRecorder, type LatencyRecorder, type LatencySummary } from '../shapes/latency.js';
import { createMessageTemplates } from '../shapes/message-templates.js';
import { createNumberedLoad } from '../shapes/numbered-load.js';
import { steady } from '../shapes/schedule.js';
import { progressText, runLoad } from '../shapes/steady-load.js';
import { createRunIds } from '../verify/run-ids.js';
import { findSustainedRate, type Trial } from './sustained-rate.js';

export interface EndToEndOptions {
  /** How long each rate is held, seconds. Default 15. */
  trialSeconds?: number;
  /** Events of one request. Default 50. */
  batchSize?: number;
  /** Rates to try at most. Default 7. */
  trials?: number;
  signal?: AbortSignal;
  onProgress?: (text: string) => void;
  /** Called with a line for each rate that was tried. */
  onTrial?: (text: string) => void;
}

export interface EndToEndResult {
  /** The highest tried rate that was accepted in full and queryable as fast as it came. */
  eventsPerSecond: number;
  /** From the gateway's answer to an answer that counts the event, at half of that rate (of the lowest tried when none held), milliseconds. */
  p50QueryableMs: number;
  p95QueryableMs: number;
  p99QueryableMs: number;
  /** From when a request was due to the gateway's answer, at half of that rate, milliseconds. */
  acceptLatencyMs: LatencySummary;
  lost: number;
  duplicated: number;
  accepted: number;
  /** Peak of each part, MiB (proportional set size). */
  memory: Record<string, number>;
  /**
   * CPU of each part, microseconds an event, which says more than rates do on a machine that others use, too: with as
   * much as the gateway takes, and at half of the sustained rate (the queries of the probes included).
   */
  cpuMicrosPerEvent: { flooded: Record<string, number>; atHalf: Record<string, number> };
  probes: number;
  trials: Trial[];
}

/** How fast the queue has to be empty once the load ends: more means that it grew. */
const LONGEST_DRAIN_MS = 2_000;
const LONGEST_LAG_MS = 1_000;
const SATURATION_SECONDS = 8;
const PROBE_EVERY_MS = 200;
const DRAIN_TIMEOUT_MS = 300_000;

/** Measures the whole way on a Sluice of its own, with the load made on the same machine. */
export async function benchEndToEnd(options: EndToEndOptions = {}): Promise<EndToEndResult> {
  const { trialSeconds = 15, batchSize = 50, signal = new AbortController().signal } = options;
  const tell = options.onProgress ?? (() => undefined);
  const tellTrial = options.onTrial ?? (() => undefined);
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-end-to-end-'));
  try {
    tell('starting a Sluice of our own');
    const instance = await startStandalone({ dataDir });
    const processes = watchProcesses(async () => {
      const { pid, children } = await instance.state();
      return { ...children, ...(pid === null ? {} : { supervisor: pid }) };
    });
    const bench = createBench({ instance, processes, batchSize, signal, tell });
    try {
      await bench.hold(500, 3);
      const flood = await bench.hold(Number.POSITIVE_INFINITY, SATURATION_SECONDS);
      tellTrial(`${flood.queryablePerSecond} events/s queryable when flooded`);
      const { best, trials } = await findSustainedRate({
        firstRate: flood.queryablePerSecond * 0.85,
        maxTrials: options.trials ?? 7,
        async hold(eventsPerSecond) {
          signal.throwIfAborted();
          const held = await bench.hold(eventsPerSecond, trialSeconds);
          const sustained =
            held.accepted === held.sent &&
            held.worstLagMs <= LONGEST_LAG_MS &&
            held.drainMs <= LONGEST_DRAIN_MS;
          tellTrial(
            `${eventsPerSecond} events/s: ${sustained ? 'sustained' : 'not sustained'}, drained in ${held.drainMs} ms`,
          );
          return { sustained, drainMs: held.drainMs, worstLagMs: held.worstLagMs };
        },
      });
      const probe = createLatencyRecorder();
      const lowest = Math.min(...trials.map((trial) => trial.eventsPerSecond));
      const half = await bench.hold((best === 0 ? lowest : best) / 2, trialSeconds, probe);
      const queryable = probe.summary();
      return {
        eventsPerSecond: best,
        p50QueryableMs: Math.round(queryable.p50),
        p95QueryableMs: Math.round(queryable.p95),
        p99QueryableMs: Math.round(queryable.p99),
        acceptLatencyMs: half.latencyMs,
        ...(await bench.compare()),
        memory: processes.peaksMb(),
        cpuMicrosPerEvent: { flooded: flood.cpuMicrosPerEvent, atHalf: half.cpuMicrosPerEvent },
        probes: probe.count,
        trials,
      };
    } finally {
      await processes.stop();
      await bench.close();
      await instance.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface Held {
  sent: number;
  accepted: number;
  worstLagMs: number;
  latencyMs: LatencySummary;
  /** From the end of the load until all of it was queryable. */
  drainMs: number;
  /** Over the load and the draining. */
  queryablePerSecond: number;
  cpuMicrosPerEvent: Record<string, number>;
}

interface Bench {
  /** Holds a rate; infinite: as fast as the gateway answers. */
  hold(eventsPerSecond: number, seconds: number, probe?: LatencyRecorder): Promise<Held>;
  /** All that was accepted against all that is counted. */
  compare(): Promise<{ lost: number; duplicated: number; accepted: number }>;
  close(): Promise<void>;
}

const FLOOD_RATE = 200_000;
const FLOOD_IN_FLIGHT = 16;
const IN_FLIGHT = 64;

function createBench(options: {
  instance: StandaloneInstance;
  processes: ProcessWatch;
  batchSize: number;
  signal: AbortSignal;
  tell: (text: string) => void;
}): Bench {
  const { processes, batchSize, signal, tell } = options;
  const { target } = options.instance;
  const connect = { url: target.gatewayUrl, writeKey: target.writeKey };
  const client = createGatewayClient(connect);
  const probeClient = createGatewayClient(connect);
  const api = createApiClient({ url: target.apiUrl, readKey: target.readKey });
  const templates = createMessageTemplates({ seed: 1, users: 2_000 });
  let accepted = 0;
  let isUncertain = false;

  return {
    async hold(eventsPerSecond, seconds, probe) {
      const load = createNumberedLoad({
        client,
        ids: createRunIds(),
        templates,
        giveUpAfterMs: 30_000,
        signal,
      });
      const end = new AbortController();
      const stop = (): void => end.abort();
      signal.addEventListener('abort', stop, { once: true });
      const isFlood = !Number.isFinite(eventsPerSecond);
      const floodEnd = isFlood ? setTimeout(stop, seconds * 1_000) : undefined;
      const cpuBefore = await processes.cpuSeconds();
      const startedAt = performance.now();
      const probing = probe === undefined ? undefined : sendProbes(probeClient, api, probe, end.signal);
      // Reported where it is awaited, after the load.
      probing?.catch(() => undefined);
      const report = await runLoad({
        load,
        schedule: steady({
          eventsPerSecond: isFlood ? FLOOD_RATE : eventsPerSecond,
          durationMs: seconds * 1_000,
        }),
        batchSize,
        maxInFlight: isFlood ? FLOOD_IN_FLIGHT : IN_FLIGHT,
        signal: end.signal,
        onProgress: (progress) => tell(progressText(progress)),
      });
      const endedAt = performance.now();
      clearTimeout(floodEnd);
      stop();
      signal.removeEventListener('abort', stop);
      await untilQueryable(api, load.watermark(), signal);
      const drainedAt = performance.now();
      accepted += report.accepted + ((await probing) ?? 0);
      isUncertain ||= report.failed > 0;
      return {
        sent: report.sent,
        accepted: report.accepted,
        worstLagMs: report.worstLagMs,
        latencyMs: report.latencyMs,
        drainMs: Math.round(drainedAt - endedAt),
        cpuMicrosPerEvent: perEvent(cpuBefore, await processes.cpuSeconds(), report.accepted),
        queryablePerSecond: Math.round((report.accepted / (drainedAt - startedAt)) * 1_000),
      };
    },
    async compare() {
      if (isUncertain)
        throw new Error('Some requests were never answered: what they held cannot be compared.');
      const counted = await api.count({ event: null });
      const single = await api.count({ event: null, source: 'raw' });
      const { totals } = await api.audit();
      const counts = [counted, single, totals.raw_rows];
      return {
        accepted,
        lost: Math.max(0, accepted - Math.min(...counts)),
        duplicated: Math.max(0, Math.max(...counts) - accepted),
      };
    },
    async close() {
      await client.close();
      await probeClient.close();
      await api.close();
    },
  };
}

function perEvent(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  events: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => [
      name,
      Math.round(((seconds - (before[name] ?? 0)) / Math.max(1, events)) * 1e6),
    ]),
  );
}

async function untilQueryable(api: ApiClient, watermark: string, signal: AbortSignal): Promise<void> {
  const deadlineMs = Date.now() + DRAIN_TIMEOUT_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      await api.count({ event: null, waitFor: watermark, waitTimeoutMs: 30_000 });
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'watermark_timeout') || Date.now() > deadlineMs)
        throw error;
    }
  }
}

/**
 * Sends single messages beside the load and asks for each until an answer counts it. Resolves with how many were
 * accepted, when the signal aborts.
 */
async function sendProbes(
  client: GatewayClient,
  api: ApiClient,
  latency: LatencyRecorder,
  signal: AbortSignal,
): Promise<number> {
  const probes: Promise<void>[] = [];
  let accepted = 0;

  async function probe(): Promise<void> {
    const nowMs = Date.now();
    const outcome = await client.send(
      JSON.stringify({
        type: 'track',
        event: 'queryable_probe',
        userId: `probe-${probes.length}`,
        messageId: createRunIds().idOf(probes.length, nowMs),
        timestamp: new Date(nowMs).toISOString(),
        sentAt: new Date(nowMs).toISOString(),
      }),
      '/v1/track',
    );
    if (outcome.kind !== 'answered' || outcome.answer.watermark === null) {
      throw new Error(`A probe was not accepted: ${JSON.stringify(outcome)}`);
    }
    const acceptedAt = performance.now();
    accepted++;
    await api.count({ event: 'queryable_probe', waitFor: outcome.answer.watermark, waitTimeoutMs: 30_000 });
    latency.record(performance.now() - acceptedAt);
  }

  while (!signal.aborted) {
    const sent = probe();
    // Awaited together below; not an unhandled rejection meanwhile.
    sent.catch(() => undefined);
    probes.push(sent);
    await wait(PROBE_EVERY_MS, signal);
  }
  await Promise.all(probes);
  return accepted;
}
