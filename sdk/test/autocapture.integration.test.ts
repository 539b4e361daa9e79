import { BUILT_IN_EVENTS } from '@sluice/contracts';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startCaptureSite, type ArrivedMessage, type CaptureSite } from './capture-site.js';
import { launchChromium } from './chromium.js';

let site: CaptureSite;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let faults: string[];

beforeAll(async () => {
  [site, browser] = await Promise.all([startCaptureSite(inject('postgresUrl')), launchChromium()]);
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

beforeEach(async () => {
  await site.clear();
  faults = [];
  context = await browser.newContext();
  page = await context.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
});

afterEach(async () => {
  await context.close();
  expect(faults).toEqual([]);
});

/**
 * All that was sent before now: what is sent after it is told apart by a mark. What an earlier page had in the air may come
 * after the mark, so that it has to be said how much there is `atLeast`.
 */
async function arrivedSoFar(atLeast = 0): Promise<ArrivedMessage[]> {
  const mark = `mark ${Math.random()}`;
  await page.evaluate((name) => window.analytics.track(name), mark);
  const isOther = ({ event }: ArrivedMessage): boolean => event?.startsWith('mark ') !== true;
  const messages = await site.arrived(
    (all) => all.some(({ event }) => event === mark) && all.filter(isOther).length >= atLeast,
  );
  return messages.filter(isOther);
}

/** Matches any number; typed, unlike the matcher itself. */
const aNumber = expect.any(Number) as number;
const aText = expect.any(String) as string;

const pathsOf = (messages: ArrivedMessage[]): string[] =>
  messages.map(({ context }) => context.page.url.slice(site.url.length));

/** Waits for a moment in which the page has finished what it was asked to do a moment ago. */
async function untilTasksRan(): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1)));
}

/**
 * Goes from a page to another and back, and resolves once the first runs again. It has to say so itself: a script that is
 * sent to it while the back-forward cache still has it makes the browser load it anew.
 */
async function leaveAndComeBack(otherPath: string): Promise<void> {
  await page.evaluate("addEventListener('pageshow', ({ persisted }) => persisted && console.log('is back'))");
  // The first time, Chromium looks up whether a page may use locks. It answers even into the cache, which ends the stay there.
  await page.evaluate(() => navigator.locks.request('ours', () => undefined));
  await page.goto(site.url + otherPath);
  const isBack = page.waitForEvent('console', (message) => message.text() === 'is back');
  await page.goBack({ waitUntil: 'commit' });
  await isBack;
}

describe('pageViews', () => {
  it('counts the load and each address that a single-page application goes to, back and forward too', async () => {
    site.serve('/a', { pageViews: true });
    await page.goto(`${site.url}/a`);
    for (const address of ['/b', '/c?x=1']) {
      await page.evaluate((to) => history.pushState(null, '', to), address);
      await untilTasksRan();
    }
    await page.evaluate(() => history.back());
    await page.waitForURL('**/b');
    await untilTasksRan();
    await page.evaluate(() => history.replaceState(null, '', '/d'));
    await untilTasksRan();
    const views = await arrivedSoFar();
    expect(pathsOf(views)).toEqual(['/a', '/b', '/c?x=1', '/b', '/d']);
    expect(views.map(({ type }) => type)).toEqual(Array(5).fill('page'));
    expect(views[2]!.properties).toMatchObject({ referrer: `${site.url}/b` });
  });

  it('counts no change of the state alone, no change behind the #, and of a redirect only where it ends', async () => {
    site.serve('/a', { pageViews: true });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      history.replaceState({ scroll: 3 }, '');
      history.pushState({ scroll: 4 }, '', location.href);
      location.hash = 'part';
    });
    await untilTasksRan();
    await page.evaluate(() => {
      history.pushState(null, '', '/old');
      history.replaceState(null, '', '/new');
    });
    await untilTasksRan();
    expect(pathsOf(await arrivedSoFar())).toEqual(['/a', '/new']);
  });

  it('counts what is behind the # where a router lives there', async () => {
    site.serve('/a', { pageViews: { hash: true } });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => (location.hash = '/cart'));
    await page.waitForURL('**/a#/cart');
    await untilTasksRan();
    expect(pathsOf(await arrivedSoFar())).toEqual(['/a', '/a#/cart']);
  });

  it('counts a page that comes back from the back-forward cache', async () => {
    site.serve('/a', { pageViews: true });
    site.serve('/b', { pageViews: true });
    await page.goto(`${site.url}/a`);
    await leaveAndComeBack('/b');
    expect(pathsOf(await arrivedSoFar(3))).toEqual(['/a', '/b', '/a']);
  });

  it('does not lose a view of which the page is left in the same task', async () => {
    site.serve('/a', { pageViews: true });
    site.serve('/b', { pageViews: true });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      history.pushState(null, '', '/step');
      location.assign('/b');
    });
    await page.waitForURL('**/b');
    expect(pathsOf(await arrivedSoFar(3))).toEqual(['/a', '/step', '/b']);
  });

  it('leaves the history as the browser made it, once stopped', async () => {
    site.serve('/a', { pageViews: true, scroll: true });
    await page.goto(`${site.url}/a`);
    const restored = await page.evaluate(async () => {
      const wrapped = history.pushState !== History.prototype.pushState;
      await window.analytics.shutdown();
      return (
        wrapped && Object.keys(history).length === 0 && history.pushState === History.prototype.pushState
      );
    });
    expect(restored).toBe(true);
  });

  it("does not take away what the page put around the history's functions after it", async () => {
    site.serve('/a', { pageViews: true });
    await page.goto(`${site.url}/a`);
    const outcome = await page.evaluate(async () => {
      const beneath = history.pushState.bind(history);
      let calls = 0;
      const ofThePage: History['pushState'] = (...args) => {
        calls++;
        beneath(...args);
      };
      history.pushState = ofThePage;
      await window.analytics.shutdown();
      history.pushState(null, '', '/b');
      return { calls, path: location.pathname, kept: history.pushState === ofThePage };
    });
    expect(outcome).toEqual({ calls: 1, path: '/b', kept: true });
  });

  it("gives the page the error of its own wrong call of the history's functions", async () => {
    site.serve('/a', { pageViews: true });
    await page.goto(`${site.url}/a`);
    const name = await page.evaluate(() => {
      try {
        history.pushState(null, '', 'https://elsewhere.example/');
        return 'none';
      } catch (error) {
        return (error as Error).name;
      }
    });
    expect(name).toBe('SecurityError');
  });
});

describe('clicks', () => {
  it('sends the built-in Click with its strict properties and nothing else', async () => {
    site.serve(
      '/a',
      { clicks: true },
      `<button id=plain data-sluice-event=Click> Add
         to cart </button>
       <a id=link href="#there?token=abc" data-sluice-event=Click data-sluice-target=buy data-sluice-other=x><b>Buy</b></a>
       <a id=broken href="https://" onclick="event.preventDefault()" data-sluice-event=Click>Nowhere</a>
       <input id=field value=secret data-sluice-event=Click>`,
    );
    await page.goto(`${site.url}/a`);
    await page.click('#plain');
    await page.click('#link b');
    await page.click('#broken');
    await page.click('#field');
    const clicked = await arrivedSoFar();
    expect(clicked.map(({ event }) => event)).toEqual(Array(4).fill('Click'));
    const properties = clicked.map((message) => BUILT_IN_EVENTS.Click.parse(message.properties));
    expect(properties[0]).toMatchObject({
      target: 'button#plain',
      text: 'Add to cart',
      x: aNumber,
    });
    expect(properties[1]).toMatchObject({
      target: 'buy',
      text: 'Buy',
      url: `${site.url}/a#there?token=[redacted]`,
    });
    expect(properties[2]!.text).toBe('Nowhere');
    expect(properties[3]).not.toHaveProperty('text');
    expect(JSON.stringify(clicked)).not.toContain('secret');
  });

  it("sends events of other names with the element's data as properties", async () => {
    site.serve(
      '/a',
      { clicks: true },
      `<div data-sluice-event=Outer><button data-sluice-event="Plan Chosen" data-sluice-plan-name=pro>Pro</button></div>`,
    );
    await page.goto(`${site.url}/a`);
    await page.click('button');
    const [message, ...others] = await arrivedSoFar();
    expect(others).toEqual([]);
    expect(message).toMatchObject({ event: 'Plan Chosen', properties: { planName: 'pro' } });
  });

  it('counts one click on a label once, and a press of Enter without a place', async () => {
    site.serve(
      '/a',
      { clicks: true },
      `<label data-sluice-event=Click data-sluice-target=terms>I agree <input type=checkbox></label>
       <button id=key data-sluice-event=Click>Key</button>`,
    );
    await page.goto(`${site.url}/a`);
    await page.click('label', { position: { x: 2, y: 5 } });
    expect(await page.isChecked('input')).toBe(true);
    await page.focus('#key');
    await page.keyboard.press('Enter');
    const clicked = await arrivedSoFar();
    expect(clicked.map(({ properties }) => properties['target'])).toEqual(['terms', 'button#key']);
    expect(clicked[1]!.properties).not.toHaveProperty('x');
  });

  it('sees through open shadow roots and what the page stops, and looks away where it is told to', async () => {
    site.serve(
      '/a',
      { clicks: true },
      `<div id=host></div>
       <button id=stopped data-sluice-event=Click>Stopped</button>
       <div data-sluice-ignore><button id=ignored data-sluice-event=Click>Ignored</button></div>
       <script>
         host.attachShadow({ mode: 'open' }).innerHTML = '<button data-sluice-event=Click data-sluice-target=inner>In</button>';
         document.addEventListener('click', (event) => event.stopImmediatePropagation(), true);
       </script>`,
    );
    await page.goto(`${site.url}/a`);
    await page.click('#host button');
    await page.click('#stopped');
    await page.click('#ignored');
    expect((await arrivedSoFar()).map(({ properties }) => properties['target'])).toEqual([
      'inner',
      'button#stopped',
    ]);
  });

  it('sees nothing any more once stopped', async () => {
    site.serve('/a', { clicks: true }, '<button data-sluice-event=Click>Go</button>');
    site.serve('/b', { clicks: true });
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => window.analytics.shutdown());
    await page.click('button');
    await page.goto(`${site.url}/b`);
    expect(await arrivedSoFar()).toEqual([]);
  });
});

describe('outboundLinks and downloads', () => {
  const modules = { outboundLinks: true, downloads: true };

  it('let a link with target=_blank open its own tab, and tell of it', async () => {
    site.serve('/a', modules, `<a target=_blank href="${site.otherUrl}/b?token=abc">Partner</a>`);
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    const [tab] = await Promise.all([context.waitForEvent('page'), page.click('a')]);
    await tab.waitForLoadState();
    expect(tab.url()).toBe(`${site.otherUrl}/b?token=abc`);
    expect(page.url()).toBe(`${site.url}/a`);
    expect(await arrivedSoFar()).toMatchObject([
      {
        event: 'Outbound Link Clicked',
        properties: {
          url: `${site.otherUrl}/b?token=[redacted]`,
          host: new URL(site.otherUrl).host,
          text: 'Partner',
        },
      },
    ]);
  });

  it('let a link in the same tab lead there at once, and lose nothing of it', async () => {
    site.serve('/a', modules, `<a href="${site.otherUrl}/b">Away</a>`);
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    await page.click('a');
    await page.waitForURL(`${site.otherUrl}/b`);
    await page.goto(`${site.url}/a`);
    expect((await arrivedSoFar(1)).map(({ event }) => event)).toEqual(['Outbound Link Clicked']);
  });

  it('let relative links work, and tell nothing of links within the site', async () => {
    site.serve('/dir/a', modules, '<a id=up href="../b?x=1">Up</a>');
    site.serve(
      '/b',
      modules,
      '<a id=part href="#part">Part</a><a id=mail href="mailto:a@b.example">Mail</a>',
    );
    await page.goto(`${site.url}/dir/a`);
    await page.click('#up');
    await page.waitForURL(`${site.url}/b?x=1`);
    await page.click('#part');
    await page.waitForURL(`${site.url}/b?x=1#part`);
    await page.click('#mail');
    expect(await arrivedSoFar()).toEqual([]);
  });

  it('count the middle button, and not the right one', async () => {
    site.serve('/a', modules, `<a href="${site.otherUrl}/b">Away</a>`);
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    const opened = context.waitForEvent('page');
    await page.click('a', { button: 'middle' });
    await opened;
    await page.click('a', { button: 'right' });
    expect(await arrivedSoFar()).toHaveLength(1);
  });

  it('tell of files by their ending or their download attribute, not of their content', async () => {
    site.serve(
      '/a',
      modules,
      `<a id=file href="/files/price%20list.PDF?token=abc">Prices</a>
       <a id=made download="notes.txt" href="data:text/plain,secret">Notes</a>
       <a id=page href="#about.html">About</a>
       <script>document.addEventListener('click', (event) => event.preventDefault())</script>`,
    );
    await page.goto(`${site.url}/a`);
    for (const link of ['#file', '#made', '#page']) await page.click(link);
    const messages = await arrivedSoFar();
    expect(messages.map(({ event, properties }) => [event, properties])).toEqual([
      [
        'File Downloaded',
        {
          url: `${site.url}/files/price%20list.PDF?token=[redacted]`,
          fileName: 'price list.PDF',
          extension: 'pdf',
        },
      ],
      ['File Downloaded', { fileName: 'notes.txt', extension: 'txt' }],
    ]);
  });
});

describe('forms', () => {
  it('tells what was submitted where, how many fields it has, and none of their values', async () => {
    site.serve(
      '/a',
      { forms: true },
      `<form id=signup name=join action="/b?token=abc" method=post>
         <input name=id value=hunter2><input name=action value=hunter2><input name=elements value=hunter2>
         <input name=size type=radio value=s><input name=size type=radio value=hunter2 checked>
         <input type=password name=pw value=hunter2><input value=hunter2>
         <button>Join</button>
       </form>`,
    );
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => document.addEventListener('submit', (event) => event.preventDefault()));
    await page.click('button');
    const messages = await arrivedSoFar();
    expect(messages.map(({ event, properties }) => [event, properties])).toEqual([
      [
        'Form Submitted',
        {
          id: 'signup',
          name: 'join',
          action: `${site.url}/b?token=[redacted]`,
          method: 'post',
          fieldCount: 5,
        },
      ],
    ]);
    expect(JSON.stringify(messages)).not.toContain('hunter2');
  });

  it('lets the form go where it goes', async () => {
    site.serve('/a', { forms: true }, '<form action=/b><input name=q value=1><button>Go</button></form>');
    site.serve('/b', { forms: true });
    await page.goto(`${site.url}/a`);
    await page.click('button');
    await page.waitForURL(`${site.url}/b?q=1`);
    expect((await arrivedSoFar(1)).map(({ event }) => event)).toEqual(['Form Submitted']);
  });
});

describe('scroll', () => {
  const tall = '<div style="height: 4000px"></div>';

  it('tells once, when a page is left, how far and how long it was looked at', async () => {
    site.serve('/a', { scroll: true }, tall);
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => {
      scrollTo(0, 2_000);
      return new Promise((resolve) => addEventListener('scrollend', resolve, { once: true }));
    });
    await page.evaluate(() => scrollTo(0, 0));
    await page.goto(`${site.url}/b`);
    const [engaged, ...others] = await arrivedSoFar(1);
    expect(others).toEqual([]);
    expect(engaged).toMatchObject({ event: 'Page Engaged', properties: { url: `${site.url}/a` } });
    const depth = engaged!.properties['depthPercent'] as number;
    expect(depth).toBeGreaterThan(50);
    expect(depth).toBeLessThan(100);
    expect(engaged!.properties['engagedSeconds']).toBeGreaterThanOrEqual(0);
  });

  it('tells of each view of a single-page application, under the address that was viewed', async () => {
    site.serve('/a', { scroll: true }, tall);
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => history.pushState(null, '', '/step'));
    await page.goto(`${site.url}/b`);
    const messages = await arrivedSoFar(2);
    expect(messages.map(({ properties }) => properties['url'])).toEqual([
      `${site.url}/a`,
      `${site.url}/step`,
    ]);
    expect(pathsOf(messages)).toEqual(['/a', '/step']);
  });

  it('begins anew when the back-forward cache brings the page back', async () => {
    site.serve('/a', { scroll: true }, tall);
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    await leaveAndComeBack('/b');
    await page.goto(`${site.url}/b`);
    expect(pathsOf(await arrivedSoFar(2))).toEqual(['/a', '/a']);
  });
});

describe('rageClicks', () => {
  it('tells once of a row of clicks on one spot, and nothing of marking text or of fields', async () => {
    site.serve(
      '/a',
      { rageClicks: true },
      '<button id=dead>Pay</button><p id=text>Some words to mark</p><input id=field value="to mark">',
    );
    await page.goto(`${site.url}/a`);
    for (const target of ['#text', '#field', '#dead']) {
      await page.click(target, { clickCount: 5 });
    }
    const messages = await arrivedSoFar();
    expect(messages.map(({ event, properties }) => [event, properties])).toEqual([
      ['Rage Clicked', { target: 'button#dead', text: 'Pay', clicks: 3, x: aNumber, y: aNumber }],
    ]);
  });
});

describe('errors', () => {
  it('tells once of each error that nobody caught, and of no more than its bound', async () => {
    site.serve('/a', { errors: { maxPerLoad: 3 } }, '<img src=/missing.png>');
    await page.goto(`${site.url}/a`);
    await page.evaluate(async () => {
      const fail = (message: string): void => void setTimeout(() => void JSON.parse(message));
      fail('{wrong');
      fail('{wrong');
      void Promise.reject(new RangeError('see https://api.example/?token=abc'));
      for (let i = 0; i < 5; i++) void Promise.reject(new Error(`error ${i}`));
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    expect(faults.splice(0)).toHaveLength(8);
    const messages = await arrivedSoFar();
    expect(messages.map(({ event }) => event)).toEqual(Array(3).fill('Error Occurred'));
    const of = (name: string): unknown[] =>
      messages.map(({ properties }) => properties).filter((properties) => properties['name'] === name);
    expect(of('SyntaxError')).toEqual([expect.objectContaining({ kind: 'error', line: aNumber })]);
    expect(of('RangeError')).toEqual([
      expect.objectContaining({ kind: 'rejection', message: 'see https://api.example/?token=[redacted]' }),
    ]);
  });
});

describe('webVitals', () => {
  it('loads its measuring by itself, and tells each metric once', async () => {
    site.serve('/a', { webVitals: true }, '<h1>Large</h1><button>Press</button>');
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    await site.arrived((all) => all.some(({ properties }) => properties['metric'] === 'TTFB'));
    await page.click('button');
    await page.goto(`${site.url}/b`);
    const messages = await arrivedSoFar(4);
    const metrics = messages.map(({ properties }) => properties['metric']);
    expect(metrics).toEqual(expect.arrayContaining(['TTFB', 'FCP', 'LCP', 'CLS']));
    expect(new Set(metrics).size).toBe(metrics.length);
    expect(messages[0]).toMatchObject({
      event: 'Web Vital Measured',
      properties: { value: aNumber, rating: aText, navigationType: 'navigate' },
    });
  });
});

describe('every module', () => {
  const modules = {
    pageViews: true,
    clicks: true,
    outboundLinks: true,
    downloads: true,
    forms: true,
    scroll: true,
    rageClicks: true,
    errors: true,
  };

  it('leaves a page alone that breaks what the modules stand on', async () => {
    site.serve(
      '/a',
      modules,
      `<form action="/b"><a href="${site.otherUrl}/file.pdf" data-sluice-event=Click>A</a><button>B</button></form>
       <script>
         window.heard = [];
         for (const type of ['click', 'submit', 'popstate'])
           addEventListener(type, (event) => {
             heard.push(event.type);
             if (event.target.localName !== 'button') event.preventDefault();
           });
         Event.prototype.composedPath = () => { throw new Error('broken'); };
         Element.prototype.matches = () => { throw new Error('broken'); };
       </script>`,
    );
    await page.goto(`${site.url}/a`);
    await page.click('a');
    await page.click('button');
    await page.evaluate(() => {
      window.URL = (() => {
        throw new Error('broken');
      }) as never;
      history.pushState(null, '', '/c');
      history.back();
    });
    await page.waitForURL('**/a');
    await untilTasksRan();
    expect(await page.evaluate('heard')).toEqual(['click', 'click', 'submit', 'popstate']);
  });

  it('hears no event any more once the SDK is shut down', async () => {
    site.serve(
      '/a',
      modules,
      `<form name=f action="#"><a href="${site.otherUrl}/file.pdf" data-sluice-event=Click>A</a><button>B</button></form>
       <script>for (const type of ['click', 'submit']) addEventListener(type, (event) => event.preventDefault());</script>`,
    );
    site.serve('/b', {});
    await page.goto(`${site.url}/a`);
    await page.evaluate(() => window.analytics.shutdown());
    const before = await site.arrived((all) => all.length >= 2);
    expect(before.map(({ type, event }) => event ?? type)).toEqual(['page', 'Page Engaged']);
    await page.click('a', { clickCount: 4 });
    await page.click('button');
    await page.evaluate(() => history.pushState(null, '', '/c'));
    await page.evaluate(() => setTimeout(() => void JSON.parse('{')));
    await untilTasksRan();
    expect(faults.splice(0)).toHaveLength(1);
    await page.goto(`${site.url}/b`);
    expect(await arrivedSoFar(2)).toHaveLength(2);
  });
});
