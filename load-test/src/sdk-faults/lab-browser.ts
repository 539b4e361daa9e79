import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { wait } from '../client/wait.js';

/** A browser as a person has it: tabs that hide when another comes to the front, a profile that stays. */
export interface LabBrowser {
  openTab(): Promise<Page>;
  /** Another tab in front for so long. */
  hideFor(page: Page, durationMs: number): Promise<void>;
  setOffline(offline: boolean): Promise<void>;
  /** Ends the renderer of a tab as a fault of its own would. */
  crash(page: Page): Promise<void>;
  /** Closes a tab as its cross does: the page is told. */
  closeTab(page: Page): Promise<void>;
  close(): Promise<void>;
}

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-port=0',
  // Some SDKs send nothing for what they take for a robot.
  '--disable-blink-features=AutomationControlled',
  '--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36',
];

const START_TIMEOUT_MS = 60_000;

/**
 * Starts Chromium with a fresh profile. It is started here and only then connected to, because a browser that the driver
 * starts keeps every tab focused and visible.
 */
export async function startLabBrowser(executable: string): Promise<LabBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'sluice-lab-'));
  const child = spawn(executable, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const killNow = (): void => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has gone by itself.
    }
  };
  process.on('exit', killNow);

  async function cleanUp(): Promise<void> {
    const exited =
      child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : undefined;
    killNow();
    await exited;
    process.off('exit', killNow);
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  }

  try {
    const browser = await chromium.connectOverCDP(await endpointOf(child), { noDefaults: true });
    const context = browser.contexts()[0];
    const keeper = context?.pages()[0];
    if (context === undefined || keeper === undefined) throw new Error('Chromium has no window.');
    return {
      ...tabsOf(context, keeper),
      async close() {
        await browser.close().catch(() => undefined);
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** `keeper` is a tab that stays, so that the browser does too. */
function tabsOf(context: BrowserContext, keeper: Page): Omit<LabBrowser, 'close'> {
  return {
    async openTab() {
      const page = await context.newPage();
      await page.bringToFront();
      return page;
    },
    async hideFor(page, durationMs) {
      await keeper.bringToFront();
      await wait(durationMs);
      await page.bringToFront();
    },
    setOffline: (offline) => context.setOffline(offline),
    async crash(page) {
      const session = await context.newCDPSession(page);
      const crashed = page.waitForEvent('crash');
      // The command has no answer: who would give it is gone.
      session.send('Page.crash').catch(() => undefined);
      await crashed;
      await page.close();
    },
    async closeTab(page) {
      const closed = page.waitForEvent('close');
      await page.close({ runBeforeUnload: true });
      await closed;
    },
  };
}

async function endpointOf(child: ChildProcess): Promise<string> {
  let output = '';
  return new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Chromium did not start:\n${output}`)), START_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Chromium ended:\n${output}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-10_000);
      const address = /listening on (ws:\/\/\S+)/.exec(output)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
