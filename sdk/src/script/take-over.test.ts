import { readFile } from 'node:fs/promises';
import vm from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BrowserAnalytics } from '../browser/settings.js';
import { takeOver, type Stub } from './take-over.js';

type Call = [name: string, ...given: unknown[]];

let calls: Call[];

/** What `init` would return: it notes what it is asked to do. */
function init(settings: unknown): BrowserAnalytics {
  const note =
    (name: string) =>
    (...given: unknown[]): string => {
      calls.push([name, ...given]);
      return 'id';
    };
  note('init')(settings);
  return {
    track: note('track'),
    identify: note('identify'),
    reset: note('reset'),
    onDelivery: note('onDelivery'),
    consent: { grant: note('consent.grant') },
    get outbox() {
      return 'indexed-db';
    },
  } as unknown as BrowserAnalytics;
}

/** A page whose head has the stub, before the script has come. */
async function openPage(): Promise<{ sluice: Stub & Record<string, (...given: unknown[]) => unknown> }> {
  const loaded: object[] = [];
  const page = {
    window: {} as Record<string, unknown>,
    document: { createElement: () => ({}), head: { appendChild: (script: object) => loaded.push(script) } },
  };
  vm.runInNewContext(await readFile(new URL('./stub.js', import.meta.url), 'utf8'), page);
  expect(loaded).toEqual([{ async: true, src: 'https://events.example.com/sluice.js' }]);
  return page.window as never;
}

beforeEach(() => {
  calls = [];
});

describe('takeOver', () => {
  it('makes the calls that the stub took, in their order, with the times of the calls', async () => {
    const { sluice } = await openPage();
    const { track } = sluice;
    track!('Early');
    sluice['init']!({ writeKey: 'k' });
    expect(track!('Signed Up', { plan: 'pro' }, { userId: 'u' })).toBe('');
    sluice['identify']!({ plan: 'pro' });
    (sluice['consent'] as unknown as { grant(): void }).grant();
    takeOver(sluice, init);
    const at = expect.objectContaining({ timestamp: expect.anything() as Date }) as object;
    expect(calls).toEqual([
      ['init', { writeKey: 'k' }],
      ['track', 'Early', undefined, at],
      ['track', 'Signed Up', { plan: 'pro' }, { timestamp: expect.anything() as Date, userId: 'u' }],
      ['identify', { plan: 'pro' }, at],
      ['consent.grant'],
    ]);
  });

  it('puts the real calls where the stub was, for those who hold it already', async () => {
    const { sluice } = await openPage();
    sluice['init']!({});
    takeOver(sluice, init);
    expect(sluice['track']!('Later', { n: 1 })).toBe('id');
    expect(sluice['outbox']).toBe('indexed-db');
    expect(calls.at(-1)).toEqual(['track', 'Later', { n: 1 }]);
  });

  it('waits for an init that comes after the script, and starts once', async () => {
    const { sluice } = await openPage();
    sluice['track']!('Early');
    takeOver(sluice, init);
    expect(calls).toEqual([]);
    sluice['init']!({ first: true });
    sluice['init']!({ first: false });
    expect(calls.map(([name]) => name)).toEqual(['init', 'track']);
  });
});

it('the snippet of the documentation and the one of the shop are the stub', async () => {
  const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');
  const essence = (text: string): string => text.replace(/\s+/g, ' ').trim();
  const stub = essence(await read('./stub.js'));
  expect(essence(await read('../../../docs/sdk.md'))).toContain(stub);
  expect(essence(await read('../../../examples/shop/src/scripts/snippet.js'))).toContain(
    stub.replace('https://events.example.com', ''),
  );
});
