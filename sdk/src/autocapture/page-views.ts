import type { CaptureModule } from '../core/types.js';
import { listen } from './listen.js';
import { pageAddress } from './page-address.js';
import { watchAddress } from './watch-address.js';

export interface PageViewsOptions {
  /** Whether another `#part` of the address is another page, as where a router lives behind the `#`. Default false. */
  hash?: boolean;
}

/**
 * Sends a page message when a page is loaded, when a single-page application changes the address, and when the browser
 * brings a page back from its back-forward cache. One address is one view until it changes: what a router replaces in the
 * same task, and changes of nothing but the history's state, do not count again. A prerendered page counts when it is
 * shown.
 */
export function pageViews({ hash = false }: PageViewsOptions = {}): CaptureModule {
  return (host) => {
    let viewed: string | undefined;
    let waiting: ReturnType<typeof setTimeout> | undefined;

    const address = (): string => pageAddress(hash);
    const view = (): void => {
      clearTimeout(waiting);
      waiting = undefined;
      const now = address();
      if (now === viewed) return;
      // Within a document the browser keeps naming whoever led to its first page.
      const before = viewed === undefined ? {} : { referrer: host.redactUrl(viewed) };
      viewed = now;
      host.analytics.page(undefined, before);
    };
    // Routers set the title, and put another address in place, right after `pushState`.
    const viewSoon = (): void => {
      waiting ??= setTimeout(view);
    };

    const stops = [
      watchAddress(viewSoon),
      listen(['pageshow'], (event) => {
        if (!(event as PageTransitionEvent).persisted) return;
        viewed = undefined;
        view();
      }),
      listen(['pagehide'], () => {
        if (waiting !== undefined) view();
      }),
    ];
    if ((document as Document & { prerendering?: boolean }).prerendering === true) {
      stops.push(listen(['prerenderingchange'], view));
    } else {
      view();
    }
    return () => {
      clearTimeout(waiting);
      for (const stop of stops) stop();
    };
  };
}
