import { init, type BrowserAnalytics, type BrowserSettings } from '../browser/index.js';

// React may render a component twice, give up a render, or mount it anew. There is one page all the same, and so one
// client for each project that it sends to.
const clients = new Map<string, BrowserAnalytics>();

/** The client of this page for these settings: made by the first call, and alive as long as the page. */
export function clientOfPage(settings: BrowserSettings): BrowserAnalytics {
  // On a server there is no page: its calls do nothing, which is no fault to be told of.
  if (typeof document === 'undefined') return init({ ...settings, onError: () => undefined });
  const key = `${settings.host} ${settings.writeKey}`;
  let client = clients.get(key);
  if (client === undefined) {
    client = init(settings);
    clients.set(key, client);
  }
  return client;
}
