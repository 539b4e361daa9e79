import { redactUrl } from '../core/redaction.js';
import type { Context } from '../core/types.js';
import { LIBRARY } from './library.js';

export interface BrowserContext extends Context {
  /** What `utm_…` parameters the page was opened with; `utm_campaign` is the name. */
  campaign: Record<string, string>;
}

/**
 * Returns what reads the context that Segment's browser library has. It is made anew only when the page's address, title
 * or referrer has changed.
 */
export function createContextReader(): () => BrowserContext {
  let seen = '';
  let context: BrowserContext;

  return () => {
    const { href, pathname, search } = location;
    const { title, referrer } = document;
    const now = href + title + referrer;
    if (seen === now) return context;
    seen = now;
    const campaign: Record<string, string> = {};
    for (const [key, value] of new URLSearchParams(redactUrl(search))) {
      if (key.startsWith('utm_')) campaign[key.slice(4).replace('campaign', 'name')] = value;
    }
    const { userAgent, language } = navigator;
    const { width, height } = screen;
    return (context = {
      library: LIBRARY,
      page: {
        path: redactUrl(pathname),
        referrer: redactUrl(referrer),
        search: redactUrl(search),
        title,
        url: redactUrl(href),
      },
      campaign,
      userAgent,
      locale: language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      screen: { width, height, density: devicePixelRatio },
    });
  };
}
