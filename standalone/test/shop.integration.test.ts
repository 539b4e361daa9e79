import { BUILT_IN_EVENTS } from '@sluice/contracts';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../sdk/test/chromium.js';
import { readInstance, type Instance } from '../src/instance-file.js';
import { freePort } from './free-port.js';

// The built command and the built SDK, as `npm start` runs them. `npm test` builds before it tests.
const SLUICE = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));
/** Where people find what the browser saw. */
const PICTURES = fileURLToPath(new URL('../../.cache/shop-screenshots/', import.meta.url));
/** An empty page of these sizes makes a picture of some 5 KB. */
const BLANK_BYTES = 15_000;

/** A line of the shop's own panel of events. */
interface Noted {
  id: string;
  name: string;
  outcome: string;
}

interface FoundEvent {
  message_id: string;
  type: string;
  event: string;
  user_id: string | null;
  anonymous_id: string | null;
}

describe('the example shop', () => {
  let dataDir: string;
  let supervisor: ChildProcess;
  let instance: Instance;
  let browser: Browser;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-shop-'));
    await mkdir(PICTURES, { recursive: true });
    supervisor = await startInstance();
    instance = (await readInstance(dataDir))!;
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser.close();
    const exited = once(supervisor, 'exit');
    supervisor.kill('SIGTERM');
    await exited;
    await rm(dataDir, { recursive: true, force: true });
  });

  async function startInstance(): Promise<ChildProcess> {
    const ports = ['--gateway-port', String(await freePort()), '--api-port', String(await freePort())];
    const child = spawn(process.execPath, [SLUICE, '--data-dir', dataDir, 'start', ...ports], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (printed.includes('Stop with Ctrl+C')) resolve();
      });
      child.once('exit', (code) =>
        reject(new Error(`sluice start ended with ${code ?? 'a signal'}:\n${printed}`)),
      );
    });
    expect(printed).toMatch(/Example shop +http:\/\/\S+\/shop\//);
    return child;
  }

  async function ask<T>(path: string, body?: object): Promise<T> {
    const answer = await fetch(`${instance.apiUrl}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${instance.readKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as T;
  }

  /** All events of the instance. */
  async function findEvents(): Promise<FoundEvent[]> {
    const { events, next_cursor: more } = await ask<{ events: FoundEvent[]; next_cursor: string | null }>(
      '/v1/events?limit=200',
    );
    expect(more).toBeNull();
    return events;
  }

  /** Null while it is not known. */
  async function countOf(event: string): Promise<number | null> {
    const { series } = await ask<{ series: { total: number | null }[] }>('/v1/query', {
      kind: 'trends',
      series: [{ event, measure: 'count' }],
    });
    return series[0]!.total;
  }

  async function openShop(
    width: number,
    height: number,
  ): Promise<{ context: BrowserContext; page: Page; faults: string[] }> {
    const context = await browser.newContext({ viewport: { width, height } });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await page.goto(`${instance.gatewayUrl}/shop`);
    return { context, page, faults };
  }

  /** Takes a picture of the whole page, which must show something and not be wider than the window. */
  async function picture(page: Page, name: string): Promise<void> {
    await page.waitForSelector('footer h2');
    const bytes = await page.screenshot({
      path: join(PICTURES, `${name}.png`),
      fullPage: true,
      animations: 'disabled',
    });
    expect(bytes.length, name).toBeGreaterThan(BLANK_BYTES);
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect(overflow, name).toBeLessThanOrEqual(0);
  }

  /** What the shop's panel has heard of the SDK in this tab. */
  async function readNoted(page: Page): Promise<Noted[]> {
    return page.evaluate<Noted[]>(`JSON.parse(sessionStorage.getItem('millrace-event-log') ?? '[]')`);
  }

  it('sends nothing before the visitor agrees, and nothing at all when the visitor does not', async () => {
    const { context, page, faults } = await openShop(390, 844);
    await page.waitForSelector('.consent:visible');
    await page.click('nav >> text=Beans');
    await picture(page, 'phone-consent');
    await page.click('text=No, thanks');
    for (const name of ['index', 'search', 'product', 'cart', 'login', 'thanks']) {
      await page.goto(`${instance.gatewayUrl}/shop/${name}.html`);
      await picture(page, `phone-${name}`);
    }
    expect(faults).toEqual([]);
    await context.close();
    const stored = await fetch(`${instance.apiUrl}/v1/events`, {
      headers: { authorization: `Bearer ${instance.readKey}` },
    });
    expect(((await stored.json()) as { events: [] }).events).toEqual([]);
  });

  it('sends every event of a visit, and the analytics API finds each of them once', async () => {
    const { context, page, faults } = await openShop(1_280, 900);
    await page.waitForSelector('.consent:visible');
    await picture(page, 'home');
    await page.click('text=Yes, count');

    await page.click('text=See the Weir at work');
    await page.waitForURL('**/product.html?sku=weir-dripper');
    await page.click('#product >> text=Add to cart');
    await page.evaluate(`new Promise((resolve) => {
      const video = document.querySelector('video');
      video.addEventListener('ended', resolve, { once: true });
      video.playbackRate = 4;
      video.play();
    })`);
    await picture(page, 'product');

    await page.click('nav >> text=All goods');
    await page.fill('#search [name=q]', 'cocoa');
    await page.click('#search button');
    await page.waitForURL('**/search.html?q=cocoa*');
    await picture(page, 'search');
    await page.click('#results >> text=Add');
    await page.fill('.quick-search input', 'stoneware');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/search.html?q=stoneware*');

    await page.click('text=Sign in');
    await page.fill('[name=customer]', 'Ada Miller');
    await page.fill('[name=password]', 'wrong');
    await page.click('form button >> text=Sign in');
    await page.waitForSelector('#login-fault:visible');
    await picture(page, 'login');
    await page.fill('[name=password]', 'mill pond');
    await page.click('form button >> text=Sign in');
    await page.waitForSelector('text=Good to see you, Ada Miller.');

    await page.click('.cart-link');
    await page.waitForURL('**/cart.html');
    await picture(page, 'cart');
    await page.click('text=To the checkout');
    await page.waitForURL('**/checkout.html');
    for (const [name, value] of Object.entries({
      name: 'Ada',
      email: 'ada@mill.example',
      street: 'Mill 1',
      town: 'Weir',
    }))
      await page.fill(`#checkout [name=${name}]`, value);
    await picture(page, 'checkout');
    await page.click('text=Order now');
    await page.waitForURL('**/thanks.html?order=*');
    await page.click('.event-log-toggle');
    await picture(page, 'thanks');

    const noted = await readNoted(page);
    const wanted = noted.map(({ id }) => id).sort();
    let found: FoundEvent[] = [];
    await expect
      .poll(
        async () => {
          found = await findEvents();
          return wanted.filter((id) => !found.some(({ message_id }) => message_id === id));
        },
        { timeout: 40_000, interval: 200 },
      )
      .toEqual([]);
    expect(found.map(({ message_id }) => message_id).sort()).toEqual(wanted);

    const names = noted.map(({ name }) => name);
    const times = (name: string): number => names.filter((other) => other === name).length;
    expect(times('Click')).toBe(6);
    expect(times('Search')).toBe(2);
    expect(times('Login')).toBe(2);
    expect(times('Purchase')).toBe(1);
    // Played, three quarters, finished.
    expect(times('Video')).toBe(5);
    // Landed is not yet rolled up.
    for (const name of Object.keys(BUILT_IN_EVENTS))
      await expect.poll(() => countOf(name), { timeout: 40_000, message: name }).toBe(times(name));
    expect(found.find(({ event }) => event === 'Purchase')?.user_id).toBe('customer-ada-miller');
    expect(new Set(found.map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
    // What was typed into forms is nobody's business.
    expect(JSON.stringify(noted)).not.toMatch(/mill pond|ada@mill/);
    expect(faults).toEqual([]);
    await context.close();
  });
});
