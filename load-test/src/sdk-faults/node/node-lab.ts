import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wait } from '../../client/wait.js';
import { readArrivals, rememberLabels, type Arrivals } from '../arrivals.js';
import { startFaultProxy, type FaultProxy } from '../fault-proxy.js';
import { SLUICE } from '../row.js';
import { startApplication, type Application, type ApplicationPlan } from './application.js';
import type { NodeSubject } from './node-subject.js';

/** Processes with one SDK, and the network to the SDK's server: all new, for one row. */
export interface NodeLab {
  readonly subject: NodeSubject;
  readonly isSluice: boolean;
  /** Name of the events. */
  readonly event: string;
  readonly proxy: FaultProxy;
  readonly signal: AbortSignal;
  start(plan: ApplicationPlan): Promise<Application>;
  arrivals(): Arrivals;
  /** Waits until so many distinct events have arrived; false when nothing has arrived for so long. */
  untilStill(distinct: number, idleMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** How long an answer takes. */
const ANSWER_DELAY_MS = 50;
const POLL_MS = 50;

export async function openNodeLab(subject: NodeSubject, signal: AbortSignal): Promise<NodeLab> {
  const run = randomBytes(5).toString('hex');
  const event = `Lab ${run}`;
  const dir = await mkdtemp(join(tmpdir(), 'sluice-node-lab-'));
  const proxy = await startFaultProxy({ upstream: subject.startUpstream(), delayMs: ANSWER_DELAY_MS });
  const readLabels = rememberLabels(run);
  const running: Application[] = [];
  const arrivals = (): Arrivals => readArrivals(proxy.requests, readLabels);
  const settings = {
    url: proxy.url,
    writeKey: subject.writeKey,
    run,
    event,
    spoolDir: join(dir, 'spool'),
  };

  return {
    subject,
    isSluice: subject.name.startsWith(SLUICE),
    event,
    proxy,
    signal,
    async start(plan) {
      const application = await startApplication(subject, settings, plan);
      running.push(application);
      return application;
    },
    arrivals,
    async untilStill(distinct, idleMs) {
      let seen = arrivals().copies.size;
      let deadlineMs = Date.now() + idleMs;
      while (seen < distinct) {
        signal.throwIfAborted();
        if (Date.now() > deadlineMs) return false;
        await wait(POLL_MS, signal);
        const now = arrivals().copies.size;
        if (now > seen) deadlineMs = Date.now() + idleMs;
        seen = now;
      }
      return true;
    },
    async close() {
      for (const application of running) application.kill('SIGKILL');
      await Promise.all(running.map(({ ended }) => ended));
      await proxy.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
