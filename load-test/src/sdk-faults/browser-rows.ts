import type { Page } from 'playwright-core';
import { wait } from '../client/wait.js';
import { RETRY_AFTER_SECONDS, type SeenRequest, type Weather } from './fault-proxy.js';
import type { Lab } from './lab.js';

/** One fault, and how it is brought about. */
export interface BrowserRow {
  /** As `--row` takes it. */
  name: string;
  title: string;
  /** Events that the row tracks and counts. */
  expected(isSluice: boolean): number;
  /** Everything up to the return visit, which is common to all rows. */
  act(lab: Lab): Promise<RowFindings>;
}

export interface RowFindings {
  requestsInOutage?: number;
  /** Microseconds per call of `track()`, one figure for each repetition. */
  syncMicros?: number[];
  notes?: string[];
  /** What Sluice owes beside its events and did not do. */
  broken?: string[];
  /** A page of the return visit, where that was part of the row. */
  returned?: Page;
}

const EVENTS = 10;
const HIDDEN_EVENTS = 7;
const HIDDEN_MS = 300;
const MANY_EVENTS = 200;
const MANY_PAD_BYTES = 1_000;
const BURST_EVENTS = 500;
/** Of Sluice each repetition counts in full; peers run into their own limits, so only their first one does. */
const BURST_REPETITIONS = 5;
const PEER_BURST_WAIT_MS = 9_000;
const OUTAGE_MS = 12_000;
/** After an outage an SDK has so long for its own retries, before the return visit. */
const RECOVERY_MS = 45_000;
/** A page that goes on or is closed gets so long for what it could still send. */
const AFTERMATH_MS = 3_000;
/** Between the last event and what ends the page: whoever stores later than in the call gets a chance to. */
const BEFORE_THE_END_MS = 1_000;

/** How long the network stays down after a page has gone. */
const DEAD_AIR_MS = 1_500;
/** Requests this close to one another were on their way together. */
const TOGETHER_MS = 250;

const ten = (): number => EVENTS;

export const BROWSER_ROWS: readonly BrowserRow[] = [
  {
    name: 'navigate-150',
    title: 'navigate at once, next page TTFB 150 ms',
    expected: ten,
    act: (lab) => navigateAtOnce(lab, 150, EVENTS, 0),
  },
  {
    name: 'navigate-0',
    title: 'navigate at once, next page TTFB 0 ms',
    expected: ten,
    act: (lab) => navigateAtOnce(lab, 0, EVENTS, 0),
  },
  {
    name: 'cold-page',
    title: 'cold page: tracked and left in its first task',
    expected: ten,
    async act(lab) {
      const page = await lab.browser.openTab();
      const left = page.waitForURL('**/next*');
      await page.goto(lab.site.coldPageUrl(EVENTS)).catch(() => undefined);
      await left;
      await lab.untilArrived(EVENTS, AFTERMATH_MS);
      return {};
    },
  },
  {
    name: 'many-navigate',
    title: `${MANY_EVENTS} × ~1 KB, then navigate`,
    expected: () => MANY_EVENTS,
    act: (lab) => navigateAtOnce(lab, 150, MANY_EVENTS, MANY_PAD_BYTES),
  },
  {
    name: 'tab-closed',
    title: 'tab closed',
    expected: ten,
    async act(lab) {
      const page = await lab.openWarmPage();
      await lab.trackMany(page, { count: EVENTS });
      await lab.browser.closeTab(page);
      await lab.untilArrived(EVENTS, AFTERMATH_MS);
      return {};
    },
  },
  {
    name: 'hide-show',
    title: `tab hidden ${HIDDEN_MS} ms, shown`,
    expected: () => HIDDEN_EVENTS,
    async act(lab) {
      const page = await lab.openWarmPage();
      await page.evaluate(
        'document.addEventListener("visibilitychange", () => (window.labWasHidden = true))',
      );
      await lab.trackMany(page, { count: HIDDEN_EVENTS });
      await lab.browser.hideFor(page, HIDDEN_MS);
      if ((await page.evaluate('window.labWasHidden')) !== true) throw new Error('The tab did not hide.');
      await lab.untilArrived(HIDDEN_EVENTS, PEER_BURST_WAIT_MS);
      return {};
    },
  },
  {
    name: 'crash',
    title: 'net down → renderer crash → return',
    expected: ten,
    act: (lab) => crashOffline(lab, BEFORE_THE_END_MS),
  },
  {
    name: 'crash-at-once',
    title: 'net down → renderer crash at once → return',
    expected: ten,
    act: (lab) => crashOffline(lab, 0),
  },
  {
    name: 'offline-navigate',
    title: 'net down → navigate → return',
    expected: ten,
    async act(lab) {
      const page = await lab.openWarmPage();
      await lab.setNetwork(false);
      await lab.trackMany(page, { count: EVENTS });
      await wait(BEFORE_THE_END_MS, lab.signal);
      await lab.trackThenGo(page, { count: 0 }, lab.site.nextUrl(0));
      // What the page still tries when it goes fails, too.
      await wait(DEAD_AIR_MS, lab.signal);
      await lab.setNetwork(true);
      await lab.untilArrived(EVENTS, AFTERMATH_MS);
      return {};
    },
  },
  {
    name: 'outage-503',
    title: '12 s of HTTP 503',
    expected: ten,
    act: (lab) => outage(lab, 'unavailable'),
  },
  {
    name: 'outage-reset',
    title: '12 s of connection resets',
    expected: ten,
    act: (lab) => outage(lab, 'reset'),
  },
  {
    name: 'retry-after',
    title: `429 + Retry-After: ${RETRY_AFTER_SECONDS}`,
    expected: ten,
    act: retryAfter,
  },
  {
    name: 'answer-lost',
    title: 'stored, answer lost (2 requests)',
    expected: ten,
    async act(lab) {
      const page = await lab.openWarmPage();
      await lab.proxy.setWeather('answer-lost', 2);
      await lab.trackMany(page, { count: EVENTS });
      await lab.untilArrived(EVENTS, RECOVERY_MS);
      return {};
    },
  },
  {
    name: 'two-tabs',
    title: '2 tabs × 10 offline, both reload online',
    expected: () => 2 * EVENTS,
    async act(lab) {
      const first = await lab.openWarmPage();
      const second = await lab.comeBack();
      await wait(AFTERMATH_MS, lab.signal);
      await lab.setNetwork(false);
      await lab.trackMany(first, { count: EVENTS });
      await lab.trackMany(second, { from: EVENTS, count: EVENTS });
      await wait(BEFORE_THE_END_MS, lab.signal);
      await lab.setNetwork(true);
      const [returned] = await Promise.all([lab.comeBack(first), lab.comeBack(second)]);
      return { returned };
    },
  },
  {
    name: 'burst',
    title: `${BURST_EVENTS} × track in one task`,
    expected: (isSluice) => (isSluice ? BURST_REPETITIONS * BURST_EVENTS : BURST_EVENTS),
    act: burst,
  },
];

async function navigateAtOnce(
  lab: Lab,
  firstByteMs: number,
  count: number,
  padBytes: number,
): Promise<RowFindings> {
  const page = await lab.openWarmPage();
  await lab.trackThenGo(page, { count, padBytes }, lab.site.nextUrl(firstByteMs));
  await lab.untilArrived(count, AFTERMATH_MS);
  return {};
}

async function crashOffline(lab: Lab, delayMs: number): Promise<RowFindings> {
  const page = await lab.openWarmPage();
  await lab.setNetwork(false);
  await lab.trackMany(page, { count: EVENTS });
  await wait(delayMs, lab.signal);
  await lab.browser.crash(page);
  await lab.setNetwork(true);
  return {};
}

async function outage(lab: Lab, weather: Weather): Promise<RowFindings> {
  const page = await lab.openWarmPage();
  await lab.proxy.setWeather(weather);
  await lab.trackMany(page, { count: EVENTS });
  await wait(OUTAGE_MS, lab.signal);
  const requestsInOutage = requestsIn(lab, weather).length;
  await lab.proxy.setWeather('pass');
  await lab.untilArrived(EVENTS, RECOVERY_MS);
  return { requestsInOutage };
}

/** The server means it: until the time it named is over, it refuses everything. */
async function retryAfter(lab: Lab): Promise<RowFindings> {
  const limitMs = RETRY_AFTER_SECONDS * 1_000;
  const refused = (): number[] => requestsIn(lab, 'limited').map(({ atMs }) => atMs);
  const page = await lab.openWarmPage();
  await lab.proxy.setWeather('limited');
  await lab.trackMany(page, { count: EVENTS });
  const startedMs = Date.now();
  while (Date.now() < (refused()[0] ?? startedMs) + limitMs) await wait(20, lab.signal);
  await lab.proxy.setWeather('pass');
  const refusals = refused();
  await lab.untilArrived(EVENTS, RECOVERY_MS);

  const firstMs = refusals[0];
  if (firstMs === undefined) return { requestsInOutage: 0, notes: ['sent nothing for 8 s'] };
  // Some SDKs send every event by itself: their first requests are on their way together.
  const next = lab.proxy.requests.find(({ atMs }) => atMs > firstMs + TOGETHER_MS);
  const waitedMs = next === undefined ? undefined : next.atMs - firstMs;
  const isEarly = waitedMs !== undefined && waitedMs < limitMs;
  return {
    requestsInOutage: refusals.length,
    notes: [waitedMs === undefined ? 'sent nothing again' : `sent again after ${seconds(waitedMs)}`],
    broken: isEarly ? [`sent again after ${seconds(waitedMs)}, though told to wait ${seconds(limitMs)}`] : [],
  };
}

async function burst(lab: Lab): Promise<RowFindings> {
  const page = await lab.openWarmPage();
  const syncMicros: number[] = [];
  for (let repetition = 0; repetition < BURST_REPETITIONS; repetition++) {
    const isCounted = lab.isSluice || repetition === 0;
    const tookMs = await lab.trackMany(page, {
      from: repetition * BURST_EVENTS,
      count: BURST_EVENTS,
      ...(isCounted ? {} : { labelPrefix: 'again-' }),
    });
    syncMicros.push(Math.round((tookMs * 10_000) / BURST_EVENTS) / 10);
    if (!isCounted) await wait(500, lab.signal);
    else
      await lab.untilArrived(
        (repetition + 1) * BURST_EVENTS,
        lab.isSluice ? RECOVERY_MS : PEER_BURST_WAIT_MS,
      );
  }
  return { syncMicros };
}

/** Preflights among them: whatever reaches a server in trouble is a burden to it. */
function requestsIn(lab: Lab, weather: Weather): SeenRequest[] {
  return lab.proxy.requests.filter((request) => request.weather === weather);
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
