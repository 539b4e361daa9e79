import type { BrowserAnalytics } from '../browser/settings.js';

/** A call that the stub noted: its name, what it was given, and when it happened. */
export type NotedCall = readonly [name: string, given: readonly unknown[], at: Date];

/** What the stub leaves at `window.sluice`; it becomes the analytics itself, so that who holds it need not ask again. */
export type Stub = Record<string, unknown> & { queue?: NotedCall[] };

/** Where each call takes its options. */
const OPTIONS_AT: Readonly<Record<string, number>> = {
  track: 2,
  page: 2,
  screen: 2,
  identify: 2,
  group: 2,
  alias: 2,
};

/**
 * Puts the real calls in the place of the stub's and makes the calls that it noted, in their order and with the times at
 * which they happened. Those before `init` wait for it, as long as it takes.
 */
export function takeOver(stub: Stub, init: (settings: never) => BrowserAnalytics): void {
  const noted = stub.queue ?? [];
  delete stub.queue;
  const start = (settings: unknown): void => {
    const analytics = init(settings as never);
    Object.defineProperties(stub, Object.getOwnPropertyDescriptors(analytics));
    for (const [name, given, at] of noted.splice(0)) replay(analytics, name, given, at);
  };
  // A second `init` is the first one's: there is one page.
  let isStarted = false;
  stub['init'] = (settings: unknown) => {
    if (!isStarted) {
      isStarted = true;
      start(settings);
    }
    return stub;
  };
  const at = noted.findIndex(([name]) => name === 'init');
  if (at < 0) return;
  const [[, [settings]]] = noted.splice(at, 1) as [NotedCall];
  (stub['init'] as (settings: unknown) => void)(settings);
}

function replay(analytics: BrowserAnalytics, name: string, given: readonly unknown[], at: Date): void {
  const path = name.split('.');
  const method = path.pop()!;
  const owner = path.reduce<Record<string, unknown>>(
    (object, part) => object[part] as Record<string, unknown>,
    analytics as unknown as Record<string, unknown>,
  );
  const call = owner[method] as ((...given: unknown[]) => unknown) | undefined;
  const optionsAt = OPTIONS_AT[name];
  if (optionsAt === undefined) {
    call?.(...given);
    return;
  }
  const complete = [...given];
  // `identify(traits, options)` has no user id before them.
  const isShort = name === 'identify' && typeof given[0] === 'object';
  const index = isShort ? optionsAt - 1 : optionsAt;
  complete[index] = { timestamp: at, ...(given[index] as object | undefined) };
  call?.(...complete);
}
