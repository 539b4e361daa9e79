import { wait } from '../client/wait.js';
import type { StandaloneInstance } from '../instance/standalone-instance.js';
import type { PlannedKill } from './plan-kills.js';

export interface Broker {
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export interface StrikeOptions {
  instance: StandaloneInstance;
  broker: Broker | undefined;
  signal: AbortSignal;
}

/** How long a killed part may take to come back. */
const RECOVERY_TIMEOUT_MS = 120_000;
const POLL_MS = 50;

/** SIGKILLs the victim and sees to what its supervisor does not: starts a whole instance, or the broker, again. */
export async function strike(kill: PlannedKill, options: StrikeOptions): Promise<void> {
  const { instance, broker, signal } = options;
  switch (kill.victim) {
    case 'everything':
      await instance.killAll();
      await instance.start();
      return;
    case 'broker':
      await broker?.kill();
      await wait(kill.downMs, signal);
      await broker?.restart();
      return;
    default: {
      const deadlineMs = Date.now() + RECOVERY_TIMEOUT_MS;
      // Down still from an earlier strike: it counts only when something was really killed.
      while (!(await instance.killPart(kill.victim))) {
        if (Date.now() > deadlineMs) throw new Error(`The ${kill.victim} did not come back after a kill.`);
        if (signal.aborted) return;
        await wait(POLL_MS, signal);
      }
    }
  }
}

/** Resolves when the gateway and the analytics API are ready. */
export async function untilRecovered(instance: StandaloneInstance, signal: AbortSignal): Promise<void> {
  const deadlineMs = Date.now() + RECOVERY_TIMEOUT_MS;
  for (const url of [instance.target.gatewayUrl, instance.target.apiUrl]) {
    for (;;) {
      const failure = await failureOf(`${url}/health/ready`);
      if (failure === undefined || signal.aborted) break;
      if (Date.now() > deadlineMs) throw new Error(`${url} did not become ready again: ${failure}`);
      await wait(POLL_MS, signal);
    }
  }
}

/** Undefined when the address answers 200. */
async function failureOf(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    const text = await answer.text();
    return answer.ok ? undefined : text;
  } catch (error) {
    return String(error);
  }
}
