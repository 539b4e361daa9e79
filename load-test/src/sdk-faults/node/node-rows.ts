import { wait } from '../../client/wait.js';
import { awaitEnd, type Application } from './application.js';
import type { NodeLab } from './node-lab.js';

/** One fault that a process can have. */
export interface NodeRow {
  name: string;
  title: string;
  events: number;
  /** Makes it happen; afterwards no process of it runs. */
  act(lab: NodeLab): Promise<NodeFindings>;
}

export interface NodeFindings {
  notes?: string[];
  /** What the row asks of Sluice beyond its events, and did not get. */
  broken?: string[];
  requestsInOutage?: number;
  syncMicros?: number[];
  rssGrowthBytes?: number;
}

const EVENTS = 25;
const FLOOD_EVENTS = 50_000;
const FLOOD_PAD_BYTES = 600;
const OUTAGE_MS = 12_000;
/** How long nothing may arrive until it is over. Sluice may wait up to 16 s before its fourth attempt. */
const SLUICE_IDLE_MS = 60_000;
const PEER_IDLE_MS = 15_000;
/** What follows a lost answer comes within this: Sluice waits two to four seconds. */
const SECOND_TRY_MS = 10_000;
const ANSWERS_MS = 1_000;
const MIB = 1024 * 1024;
/** Three times what Sluice keeps in memory at most: the collector of garbage takes its time. */
const MAX_RSS_GROWTH_BYTES = 192 * MIB;

export const NODE_ROWS: readonly NodeRow[] = [
  {
    name: 'exit-naturally',
    title: `${EVENTS} events, then nothing left to do`,
    events: EVENTS,
    act: async (lab) => end(await lab.start({ events: EVENTS, then: 'nothing' }), lab),
  },
  {
    name: 'process-exit',
    title: `${EVENTS} events, then process.exit()`,
    events: EVENTS,
    act: async (lab) => end(await lab.start({ events: EVENTS, then: 'exit' }), lab),
  },
  {
    name: 'sigterm',
    title: `${EVENTS} events, SIGTERM after 0.7 s`,
    events: EVENTS,
    async act(lab) {
      const application = await lab.start({ events: EVENTS, then: 'serve' });
      await application.tracked;
      await wait(700, lab.signal);
      application.kill('SIGTERM');
      return end(application, lab);
    },
  },
  {
    name: 'kill',
    title: `${EVENTS} events, kill -9 at once`,
    events: EVENTS,
    async act(lab) {
      const application = await lab.start({ events: EVENTS, then: 'serve' });
      await application.tracked;
      application.kill('SIGKILL');
      return end(application, lab);
    },
  },
  {
    name: 'kill-in-flight',
    title: `${EVENTS} events, kill -9 once the server has them and before it has answered`,
    events: EVENTS,
    async act(lab) {
      await lab.proxy.setWeather('answer-lost', 1);
      const application = await lab.start({ events: EVENTS, then: 'serve' });
      await application.tracked;
      await lab.untilStill(1, idleMsOf(lab));
      application.kill('SIGKILL');
      return end(application, lab);
    },
  },
  {
    name: 'own-close',
    title: `${EVENTS} events, then its own flush or close, then process.exit()`,
    events: EVENTS,
    act: async (lab) => end(await lab.start({ events: EVENTS, then: 'close' }), lab),
  },
  {
    name: 'answer-lost-node',
    title: `${EVENTS} events, stored by the server, the answer lost once`,
    events: EVENTS,
    async act(lab) {
      await lab.proxy.setWeather('answer-lost', 1);
      const application = await lab.start({ events: EVENTS, then: 'serve' });
      await application.tracked;
      await lab.untilStill(EVENTS, idleMsOf(lab));
      await wait(SECOND_TRY_MS, lab.signal);
      application.kill('SIGKILL');
      return end(application, lab);
    },
  },
  {
    name: 'unavailable-node',
    title: `${EVENTS} events, 12 s of HTTP 503`,
    events: EVENTS,
    async act(lab) {
      await lab.proxy.setWeather('unavailable');
      const application = await lab.start({ events: EVENTS, then: 'serve' });
      await application.tracked;
      await wait(OUTAGE_MS, lab.signal);
      const requestsInOutage = lab.proxy.requests.length;
      await lab.proxy.setWeather('pass');
      await lab.untilStill(EVENTS, idleMsOf(lab));
      application.kill('SIGKILL');
      return { ...(await end(application, lab)), requestsInOutage };
    },
  },
  {
    name: 'flood-down',
    title: `${FLOOD_EVENTS.toLocaleString('en')} events of 0.6 KB, nobody listens; then somebody does`,
    events: FLOOD_EVENTS,
    async act(lab) {
      await lab.proxy.setWeather('down');
      const application = await lab.start({
        events: FLOOD_EVENTS,
        padBytes: FLOOD_PAD_BYTES,
        then: 'serve',
      });
      const { events, rssGrowthBytes, syncMicros } = await application.tracked;
      await lab.proxy.setWeather('pass');
      await lab.untilStill(events, 2 * idleMsOf(lab));
      // The last answers are on their way back.
      await wait(ANSWERS_MS, lab.signal);
      application.kill('SIGKILL');
      await application.ended;
      const isUnbounded = lab.isSluice && rssGrowthBytes > MAX_RSS_GROWTH_BYTES;
      return {
        rssGrowthBytes,
        syncMicros,
        notes: [
          `+${Math.round(rssGrowthBytes / MIB)} MiB of memory`,
          ...(events < FLOOD_EVENTS ? [`only ${events} tracked within 60 s`] : []),
        ],
        broken: isUnbounded ? [`memory grew by ${Math.round(rssGrowthBytes / MIB)} MiB`] : [],
      };
    },
  },
];

function idleMsOf(lab: NodeLab): number {
  return lab.isSluice ? SLUICE_IDLE_MS : PEER_IDLE_MS;
}

async function end(application: Application, lab: NodeLab): Promise<NodeFindings> {
  const { how, afterMs } = await awaitEnd(application, lab.signal);
  return { notes: [`ended by ${how} after ${(afterMs / 1_000).toFixed(1)} s`] };
}
