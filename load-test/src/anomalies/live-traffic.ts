import { deliver } from '../client/deliver.js';
import type { GatewayClient } from '../client/gateway-client.js';
import { wait } from '../client/wait.js';
import { drawEvents, type EventSource } from './draw-events.js';

const BATCH = 500;
const TICK_MS = 1_000;
const MINUTE_MS = 60_000;
/** Batches of history under way at once. */
const AT_ONCE = 4;

interface SendOptions {
  gateway: GatewayClient;
  sources: readonly EventSource[];
  random: () => number;
  signal: AbortSignal;
}

async function send(messages: readonly object[], { gateway, signal }: SendOptions): Promise<void> {
  const body = JSON.stringify({ sentAt: new Date().toISOString(), batch: messages });
  const delivery = await deliver(gateway, body, { signal });
  if (delivery.kind !== 'delivered') throw new Error(`The gateway did not take events: ${delivery.reason}`);
}

/** Sends the events of whole minutes of the past; resolves with how many. */
export async function sendHistory(
  options: SendOptions & { fromMs: number; toMs: number; onProgress: (share: number) => void },
): Promise<number> {
  const { fromMs, toMs, sources, random, signal, onProgress } = options;
  let sent = 0;
  let left: object[] = [];
  const running = new Set<Promise<void>>();
  const push = async (messages: object[]): Promise<void> => {
    sent += messages.length;
    const sending: Promise<void> = send(messages, options).finally(() => running.delete(sending));
    running.add(sending);
    if (running.size >= AT_ONCE) await Promise.race(running);
  };
  for (let minuteMs = fromMs; minuteMs < toMs; minuteMs += MINUTE_MS) {
    if (signal.aborted) throw new Error('Interrupted.');
    left.push(...drawEvents(sources, { fromMs: minuteMs, toMs: minuteMs + MINUTE_MS, random }));
    while (left.length >= BATCH) {
      await push(left.slice(0, BATCH));
      left = left.slice(BATCH);
      onProgress((minuteMs - fromMs) / (toMs - fromMs));
    }
  }
  if (left.length > 0) await push(left);
  await Promise.all(running);
  return sent;
}

export interface LiveTraffic {
  /** Ends it. Rejects with what went wrong, if anything did. */
  stop(): Promise<void>;
}

/** Sends what happens from `fromMs` on, second by second; a late second is sent late, and none is left out. */
export function startLiveTraffic(options: SendOptions & { fromMs: number }): LiveTraffic {
  let stopping = false;
  async function run(): Promise<void> {
    let sentToMs = options.fromMs;
    while (!stopping && !options.signal.aborted) {
      const nowMs = Date.now();
      // Cut at whole seconds, so that a rate that changes with a minute changes on time.
      while (sentToMs + TICK_MS <= nowMs) {
        const untilMs = Math.floor(sentToMs / TICK_MS) * TICK_MS + TICK_MS;
        const messages = drawEvents(options.sources, {
          fromMs: sentToMs,
          toMs: untilMs,
          random: options.random,
        });
        if (messages.length > 0) await send(messages, options);
        sentToMs = untilMs;
      }
      await wait(TICK_MS - (Date.now() % TICK_MS) + 5, options.signal);
    }
  }
  const running = run();
  // Whoever stops it sees the failure; until then it must not end the process.
  running.catch(() => undefined);
  return {
    stop() {
      stopping = true;
      return running;
    },
  };
}
