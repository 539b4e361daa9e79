import type { Anomaly } from '@sluice/contracts';
import { createGatewayClient } from '../client/gateway-client.js';
import { wait } from '../client/wait.js';
import { createRandom } from '@sluice/models/random';
import type { Target } from '../target/target.js';
import { dailyRhythm, type EventSource } from './draw-events.js';
import { sendHistory, startLiveTraffic } from './live-traffic.js';
import { createWatchDesk, type WatchDesk } from './watch-desk.js';
import { startWebhookReceiver, type ReceivedNotification } from './webhook-receiver.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const POLL_MS = 1_000;
const SECRET = `whsec_${Buffer.from('proof of sluice watching').toString('base64')}`;
/** After its end a minute is judged when this has passed; then it takes a look, every five seconds. */
const SETTLE_MS = 15_000;

export interface AnomaliesOptions {
  target: Target;
  adminKey: string;
  /** Days of minutes that are sent before: the monitor of counts opens nothing before two weeks. */
  days: number;
  /** Events of each kind a minute, on average. */
  perMinute: number;
  seed: number;
  signal: AbortSignal;
  onProgress: (text: string) => void;
}

/** What was done to a stream. */
export interface Injection {
  name: string;
  event: string;
  direction: 'up' | 'down';
  factor: number;
  fromMs: number;
  toMs: number;
}

export interface Check {
  name: string;
  ok: boolean;
  found: string;
}

export interface AnomaliesReport {
  ok: boolean;
  historyEvents: number;
  injections: (Injection & {
    /** Buckets from the first one that was changed to the one that opened the flag, counting both. */
    buckets: number | null;
    /** From the beginning of the change until the flag was in the API's answers. */
    seenAfterSeconds: number | null;
    resolvedAfterSeconds: number | null;
    severity: string | null;
  })[];
  /** Flags beside those that were provoked. */
  otherFlags: number;
  checks: Check[];
}

/**
 * The proof of watching, end to end, on a running Sluice: weeks of minutes are sent, then events as they happen, in which one
 * kind stops for four minutes and another comes four times as often for two. Both must be flagged within two buckets, told
 * of once each, and be over after recovery.
 */
export async function runAnomalies(options: AnomaliesOptions): Promise<AnomaliesReport> {
  const { target, adminKey, signal, onProgress } = options;
  const random = createRandom(options.seed);
  const rhythm = dailyRhythm(options.perMinute);
  const injections: Injection[] = [];
  const sourceOf = (event: string): EventSource => ({
    event,
    perMinuteAt: (ms) =>
      injections
        .filter((injection) => injection.event === event && ms >= injection.fromMs && ms < injection.toMs)
        .reduce((rate, { factor }) => rate * factor, rhythm(ms)),
  });
  const gateway = createGatewayClient({ url: target.gatewayUrl, writeKey: target.writeKey });
  const receiver = await startWebhookReceiver(SECRET);
  const desk = createWatchDesk({ apiUrl: target.apiUrl, adminKey });
  const sources = [sourceOf('Checkout'), sourceOf('Visit')];
  const traffic = { gateway, sources, random, signal };
  const begunMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const live = startLiveTraffic({ ...traffic, fromMs: begunMs });
  try {
    const historyEvents = await sendHistory({
      ...traffic,
      fromMs: begunMs - options.days * DAY_MS,
      toMs: begunMs,
      onProgress: (share) => onProgress(`sending history: ${Math.round(share * 100)} %`),
    });
    await untilComplete(target, signal, onProgress);
    await desk.notify(receiver.url, SECRET);
    await desk.watchEvent('checkouts', 'Checkout', options.days);
    await desk.watchEvent('visits', 'Visit', options.days);
    await poll('history is being judged', 300_000, { signal, onProgress }, async () =>
      (await Promise.all(['checkouts', 'visits'].map((name) => desk.isLive(name)))).every(Boolean),
    );
    const firstMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
    injections.push(
      {
        name: 'outage',
        event: 'Checkout',
        direction: 'down',
        factor: 0,
        fromMs: firstMs,
        toMs: firstMs + 4 * MINUTE_MS,
      },
      {
        name: 'spike',
        event: 'Visit',
        direction: 'up',
        factor: 4,
        fromMs: firstMs + MINUTE_MS,
        toMs: firstMs + 3 * MINUTE_MS,
      },
    );
    const seen = await observe(desk, receiver.received, injections, { signal, onProgress });
    return await judge({ desk, received: receiver.received, injections, seen, historyEvents });
  } finally {
    await live.stop();
    await gateway.close();
    await receiver.close();
  }
}

interface Watching {
  signal: AbortSignal;
  onProgress: (text: string) => void;
}

async function poll(
  what: string,
  withinMs: number,
  { signal, onProgress }: Watching,
  isDone: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isDone())) {
    if (signal.aborted) throw new Error('Interrupted.');
    if (Date.now() > deadline) throw new Error(`After ${withinMs / 1_000} s still: ${what}.`);
    onProgress(what);
    await wait(POLL_MS, signal);
  }
}

/** All that was sent is part of answers. */
async function untilComplete(
  target: Target,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<void> {
  const sentMs = Date.now();
  await poll('history is being landed', 900_000, { signal, onProgress }, async () => {
    const answer = await fetch(`${target.apiUrl}/v1/status`, {
      headers: { authorization: `Bearer ${target.readKey}` },
    });
    const status = (await answer.json()) as { complete_through: string | null };
    return status.complete_through !== null && Date.parse(status.complete_through) >= sentMs;
  });
}

interface Seen {
  /** When the flag of an injection was first in the API's answers, and when it was resolved there. */
  openedMs: Map<string, number>;
  resolvedMs: Map<string, number>;
}

function flagOf(flags: readonly Anomaly[], injection: Injection): Anomaly | undefined {
  const watch = injection.event === 'Checkout' ? 'checkouts' : 'visits';
  return flags.find(
    (flag) =>
      flag.watch === watch &&
      flag.direction === injection.direction &&
      Date.parse(flag.bucket) >= injection.fromMs,
  );
}

/** Looks on until both flags are resolved and told of, or five minutes after the last injection. */
async function observe(
  desk: WatchDesk,
  received: readonly ReceivedNotification[],
  injections: readonly Injection[],
  { signal, onProgress }: Watching,
): Promise<Seen> {
  const seen: Seen = { openedMs: new Map(), resolvedMs: new Map() };
  const deadline = Math.max(...injections.map(({ toMs }) => toMs)) + 5 * MINUTE_MS;
  while (Date.now() < deadline && !signal.aborted) {
    const flags = await desk.flags();
    for (const injection of injections) {
      const flag = flagOf(flags, injection);
      if (flag === undefined) continue;
      if (!seen.openedMs.has(injection.name)) seen.openedMs.set(injection.name, Date.now());
      if (flag.state === 'resolved' && !seen.resolvedMs.has(injection.name)) {
        seen.resolvedMs.set(injection.name, Date.now());
      }
    }
    const told = received.filter(({ type }) => type === 'anomaly.resolved').length;
    if (seen.resolvedMs.size === injections.length && told >= injections.length) break;
    const state = injections.map(({ name }) =>
      seen.resolvedMs.has(name)
        ? `${name} resolved`
        : seen.openedMs.has(name)
          ? `${name} flagged`
          : `${name} not seen`,
    );
    onProgress(state.join(', '));
    await wait(POLL_MS, signal);
  }
  // What would be told twice is told by now.
  await wait(SETTLE_MS, signal);
  return seen;
}

async function judge(of: {
  desk: WatchDesk;
  received: readonly ReceivedNotification[];
  injections: readonly Injection[];
  seen: Seen;
  historyEvents: number;
}): Promise<AnomaliesReport> {
  const { desk, received, injections, seen } = of;
  const flags = await desk.flags();
  const checks: Check[] = [];
  const check = (name: string, ok: boolean, found: string): void => void checks.push({ name, ok, found });
  const provoked = new Set<number>();
  const results = [];
  for (const injection of injections) {
    const { name, event, fromMs, toMs } = injection;
    const flag = flagOf(flags, injection);
    const buckets =
      flag === undefined ? null : Math.round((Date.parse(flag.bucket) - fromMs) / MINUTE_MS) + 1;
    check(
      `${name}: flagged within two buckets`,
      buckets !== null && buckets <= 2,
      buckets === null ? 'no flag' : `in bucket ${buckets}`,
    );
    check(
      `${name}: resolved after recovery`,
      flag?.resolved_at != null && Date.parse(flag.resolved_at) > toMs,
      flag?.resolved_at ?? 'not resolved',
    );
    const told = received.filter(({ anomalyId }) => anomalyId === flag?.anomaly_id);
    for (const type of ['anomaly.opened', 'anomaly.resolved']) {
      const times = told.filter((one) => one.type === type).length;
      check(`${name}: ${type} told once`, times === 1, `${times} times`);
    }
    const band = await desk.band(event, { fromMs: fromMs - 5 * MINUTE_MS, toMs });
    const inside = band.minutes.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
    const outside = inside.filter(
      ({ value, lower, upper }) =>
        lower !== null && upper !== null && value !== null && (value < lower || value > upper),
    );
    check(
      `${name}: the band in trends is the watch's, and the minutes lie outside of it`,
      band.source === 'watched' && outside.length > 0 && outside.length >= inside.length - 1,
      `${band.source}, ${outside.length} of ${inside.length} outside`,
    );
    check(
      `${name}: the flag is named in trends`,
      flag !== undefined && band.anomalyIds.includes(flag.anomaly_id),
      band.anomalyIds.join(', ') || 'none',
    );
    if (flag !== undefined) provoked.add(flag.anomaly_id);
    const secondsAfter = (ms: number | undefined, sinceMs: number): number | null =>
      ms === undefined ? null : Math.round((ms - sinceMs) / 100) / 10;
    results.push({
      ...injection,
      buckets,
      seenAfterSeconds: secondsAfter(seen.openedMs.get(name), fromMs),
      resolvedAfterSeconds: secondsAfter(seen.resolvedMs.get(name), toMs),
      severity: flag?.severity ?? null,
    });
  }
  const ids = received.map(({ id }) => id);
  check('no webhook came twice', new Set(ids).size === ids.length, `${ids.length} webhooks`);
  const signed = received.filter(({ isSigned }) => isSigned).length;
  check('every webhook is signed', signed === received.length, `${signed} of ${received.length}`);
  return {
    ok: checks.every(({ ok }) => ok),
    historyEvents: of.historyEvents,
    injections: results,
    otherFlags: flags.filter(({ anomaly_id: id }) => !provoked.has(id)).length,
    checks,
  };
}
