import type { CaptureModule } from '../core/types.js';
import { elementText } from './element-text.js';
import { isOnWeb, linkOfClick, type Link } from './link-of-click.js';
import { listen } from './listen.js';

export interface OutboundLinksOptions {
  /** Domains that are no way out, with their subdomains: `['example.com']`. The page's own host always is none. */
  ownDomains?: readonly string[];
}

/**
 * Sends `Outbound Link Clicked` with `url`, `host` and `text` for each click, also with the middle button, on a link to
 * another host. The link itself is left to the browser: it is neither held up nor changed.
 */
export function outboundLinks({ ownDomains = [] }: OutboundLinksOptions = {}): CaptureModule {
  return (host) =>
    listen(['click', 'auxclick'], (event) => {
      const link = linkOfClick(event);
      if (link === undefined || !leadsOut(link, location.host, ownDomains)) return;
      host.analytics.track('Outbound Link Clicked', {
        url: host.redactUrl(link.href),
        host: link.host,
        text: elementText(link),
      });
    });
}

/** Whether a link leads to the web outside of a host and of the domains that belong to it. */
export function leadsOut(
  to: Pick<Link, 'protocol' | 'host' | 'hostname'>,
  ownHost: string,
  ownDomains: readonly string[],
): boolean {
  return (
    isOnWeb(to) &&
    to.host !== ownHost &&
    !ownDomains.some((domain) => to.hostname === domain || to.hostname.endsWith(`.${domain}`))
  );
}
