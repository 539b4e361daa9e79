import { campaignKey } from '@sluice/contracts/sessions';
import { redactUrl } from '../core/redaction.js';
import type { Context } from '../core/types.js';
import { LIBRARY } from './library.js';

export interface PageContext {
  readContext: () => Context;
  /** The campaign that this page was opened by; undefined without one. */
  readCampaign: () => string | undefined;
}

/** The context of Segment's browser library. Made anew only when the page's address, title or referrer has changed. */
export function createPageContext(): PageContext {
  let seen = '';
  let context: Context;
  let campaign: string | undefined;

  function readContext(): Context {
    const { href, pathname, search } = location;
    const { title, referrer } = document;
    const now = `${href} ${title} ${referrer}`;
    if (seen === now) return context;
    seen = now;
    const utm: Record<string, string> = {};
    for (const [key, value] of new URLSearchParams(redactUrl(search))) {
      if (key.startsWith('utm_')) utm[key === 'utm_campaign' ? 'name' : key.slice(4)] = value;
    }
    campaign = campaignKey(utm['source'], utm['medium'], utm['name']);
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
      campaign: utm,
      userAgent: navigator.userAgent,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      screen: { width, height, density: devicePixelRatio },
    });
  }

  return {
    readContext,
    readCampaign() {
      readContext();
      return campaign;
    },
  };
}
