import { useEffect, useRef } from 'react';
import type { Analytics } from '../core/types.js';
import { useAnalytics } from './use-analytics.js';

/** A router's query: text, `URLSearchParams`, or nothing. */
export type Search = string | { toString(): string } | null | undefined;

/**
 * Sends a page message for the address that a router shows, and for each that it changes to. Renders, effects that React
 * runs twice (StrictMode) and changes of anything but path and query count nothing. Use it once, near the root, and not
 * together with the `pageViews()` module. Nothing is sent as long as the path is not known (null).
 * @throws Error outside of a `SluiceProvider`
 */
export function usePageViews(pathname: string | null | undefined, search?: Search): void {
  const analytics = useAnalytics();
  const viewed = useRef<{ by: Analytics; address: string } | undefined>(undefined);
  const query = String(search ?? '').replace(/^\?/, '');
  const address = pathname == null ? undefined : `${pathname}?${query}`;
  useEffect(() => {
    if (address === undefined) return;
    if (viewed.current?.by === analytics && viewed.current.address === address) return;
    viewed.current = { by: analytics, address };
    analytics.page();
  }, [analytics, address]);
}
