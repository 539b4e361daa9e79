import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { wait } from '../client/wait.js';
import { readArrivals, rememberLabels, type Arrivals } from './arrivals.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';
import { startLabBrowser, type LabBrowser } from './lab-browser.js';
import { startLabSite, type LabSite } from './lab-site.js';
import { SLUICE } from './row.js';
import type { Subject } from './subject.js';

/** A browser, a site with one SDK in it, and the network to the SDK's server: all new, for one row. */
export interface Lab {
  readonly subjectName: string;
  readonly isSluice: boolean;
  /** Name of the counted events. */
  readonly event: string;
  readonly site: LabSite;
  readonly proxy: FaultProxy;
  readonly browser: LabBrowser;
  readonly signal: AbortSignal;
  /** A tab with the SDK; its first event has arrived and its answer is back. */
  openWarmPage(): Promise<Page>;
  /** Tracks numbered events in one task of the page; resolves with how long the calls took, milliseconds. */
  trackMany(page: Page, options: TrackOptions): Promise<number>;
  /** The same, then on to another page in the same task; resolves when that page is there, or did not come. */
  trackThenGo(page: Page, options: TrackOptions, url: string): Promise<void>;
  /**
   * A visit to a page with the SDK, in that tab or a new one. Peers are given one further event, since some of them send
   * what they have kept only then; Sluice is not.
   */
  comeBack(page?: Page): Promise<Page>;
  /** Without network: the browser knows it, and nobody listens. */
  setNetwork(up: boolean): Promise<void>;
  arrivals(): Arrivals;
  /** Waits until so many distinct events have arrived; false when that took longer. */
  untilArrived(distinct: number, timeoutMs: number): Promise<boolean>;
  /** The same, as long as something keeps arriving. */
  untilStill(distinct: number, idleMs: number): Promise<boolean>;
  close(): Promise<void>;
}

export interface TrackOptions {
  from?: number;
  count: number;
  padBytes?: number;
  /** Events with a prefix are not counted. */
  labelPrefix?: string;
}

/** How long an answer takes. */
const ANSWER_DELAY_MS = 50;
const WARM_UP_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

export interface LabOptions {
  subject: Subject;
  /** Of the subject's pages. */
  script: string;
  /** Chromium's. */
  executable: string;
  signal: AbortSignal;
}

export async function openLab({ subject, script, executable, signal }: LabOptions): Promise<Lab> {
  const run = randomBytes(5).toString('hex');
  const event = `Lab ${run}`;
  const isSluice = subject.name === SLUICE;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };

  try {
    const proxy = await startFaultProxy({ upstream: subject.startUpstream(), delayMs: ANSWER_DELAY_MS });
    closers.push(() => proxy.close());
    const site = await startLabSite({
      script,
      settings: { url: proxy.url, host: proxy.host, writeKey: subject.writeKey, run, event },
    });
    closers.push(() => site.close());
    const browser = await startLabBrowser(executable);
    closers.push(() => browser.close());
    const readLabels = rememberLabels(run);

    async function openPage(page: Page): Promise<void> {
      await page.goto(site.pageUrl);
      await page.evaluate('lab.ready');
    }

    async function until(isReached: () => boolean, deadlineMs: () => number): Promise<boolean> {
      while (!isReached()) {
        signal.throwIfAborted();
        if (Date.now() > deadlineMs()) return false;
        await wait(POLL_MS, signal);
      }
      return true;
    }

    const arrivals = (): Arrivals => readArrivals(proxy.requests, readLabels);

    return {
      subjectName: subject.name,
      isSluice,
      event,
      site,
      proxy,
      browser,
      signal,
      async openWarmPage() {
        const page = await browser.openTab();
        await openPage(page);
        await page.evaluate('lab.trackOne("warm")');
        const warmUpDeadlineMs = Date.now() + WARM_UP_TIMEOUT_MS;
        const isWarm = await until(
          () =>
            proxy.requests.some((request) => request.status !== null && readLabels(request).includes('warm')),
          () => warmUpDeadlineMs,
        );
        if (!isWarm) throw new Error(`${subject.name} sent nothing: it does not work in this page.`);
        // The answer is on its way back.
        await wait(2 * ANSWER_DELAY_MS, signal);
        return page;
      },
      trackMany: (page, options) => page.evaluate<number>(`lab.trackMany(${JSON.stringify(options)})`),
      async trackThenGo(page, options, url) {
        // Without network it is the browser's own page of errors, which may tell nothing.
        const gone = page.waitForEvent('domcontentloaded', { timeout: 5_000 }).catch(() => undefined);
        await page.evaluate(`lab.trackThenGo(${JSON.stringify(options)}, ${JSON.stringify(url)})`);
        await gone;
      },
      async comeBack(page) {
        const tab = page ?? (await browser.openTab());
        await openPage(tab);
        if (!isSluice) await tab.evaluate('lab.trackOne("return")');
        return tab;
      },
      async setNetwork(up) {
        await proxy.setWeather(up ? 'pass' : 'down');
        await browser.setOffline(!up);
      },
      arrivals,
      async untilArrived(distinct, timeoutMs) {
        const deadlineMs = Date.now() + timeoutMs;
        return until(
          () => arrivals().copies.size >= distinct,
          () => deadlineMs,
        );
      },
      async untilStill(distinct, idleMs) {
        let seen = arrivals().copies.size;
        let deadlineMs = Date.now() + idleMs;
        return until(
          () => {
            const now = arrivals().copies.size;
            if (now > seen) deadlineMs = Date.now() + idleMs;
            seen = now;
            return now >= distinct;
          },
          () => deadlineMs,
        );
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
