import { useState, type ReactNode } from 'react';
import type { BrowserSettings } from '../browser/index.js';
import type { Analytics } from '../core/types.js';
import { AnalyticsContext } from './analytics-context.js';
import { clientOfPage } from './client-of-page.js';

export type SluiceProviderProps = { children?: ReactNode } & (
  | {
      /** What `init` returned. The application that made it also ends it. */
      client: Analytics;
      settings?: never;
    }
  | {
      /** As for `init`. Read once: the client that is made of them lives as long as the page. */
      settings: BrowserSettings;
      client?: never;
    }
);

/** Gives the components within it their analytics. */
export function SluiceProvider({ client, settings, children }: SluiceProviderProps): ReactNode {
  const [ofPage] = useState(() => (settings === undefined ? undefined : clientOfPage(settings)));
  return <AnalyticsContext.Provider value={client ?? ofPage}>{children}</AnalyticsContext.Provider>;
}
