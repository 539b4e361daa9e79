import type { CaptureModule } from '../core/types.js';
import { listen } from './listen.js';
import { pageAddress } from './page-address.js';
import { createStopwatch } from './stopwatch.js';
import { watchAddress } from './watch-address.js';

export interface ScrollOptions {
  /** Whether another `#part` of the address is another page; as the same option of `pageViews`. Default false. */
  hash?: boolean;
}

/**
 * Sends `Page Engaged` once for each page view, when it ends: the page is left, frozen by the browser, or its address
 * changes without a new page. `depthPercent` is how much of the page's height was scrolled into sight, `engagedSeconds` how
 * long the page was shown and had the focus, `url` the address of the view.
 */
export function scroll({ hash = false }: ScrollOptions = {}): CaptureModule {
  return (host) => {
    const engaged = createStopwatch(() => performance.now());
    let address: string | undefined;
    let depth = 0;

    const isEngaged = (): boolean => document.visibilityState === 'visible' && document.hasFocus();
    const measure = (): void => {
      const seen = (scrollY + innerHeight) / Math.max(1, document.documentElement.scrollHeight);
      depth = Math.max(depth, Math.min(1, seen));
    };
    const begin = (): void => {
      address = pageAddress(hash);
      depth = 0;
      engaged.reset(isEngaged());
      measure();
    };
    const end = (): void => {
      if (address === undefined) return;
      measure();
      const url = host.redactUrl(address);
      const { pathname: path, search } = new URL(url);
      const page = { url, path, search, title: document.title, referrer: '' };
      const properties = {
        url,
        depthPercent: Math.round(depth * 100),
        engagedSeconds: Math.round(engaged.readMs() / 100) / 10,
      };
      // The location may by now name the next page.
      const isLeft = address !== pageAddress(hash);
      address = undefined;
      host.analytics.track('Page Engaged', properties, isLeft ? { context: { page } } : undefined);
    };

    begin();
    const stops = [
      listen(['scroll', 'resize'], (event) => {
        if (event.target === document || event.target === window) measure();
      }),
      listen(['visibilitychange', 'focus', 'blur'], () => engaged.set(isEngaged())),
      listen(['pagehide', 'freeze'], end),
      listen(['pageshow', 'resume'], () => {
        if (address === undefined) begin();
      }),
      watchAddress(() => {
        if (address === undefined || address === pageAddress(hash)) return;
        end();
        begin();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      end();
    };
  };
}
