import { useContext } from 'react';
import type { Analytics, EventMap } from '../core/types.js';
import { AnalyticsContext } from './analytics-context.js';

/**
 * The analytics of the nearest provider: the same object in every render.
 * @throws Error outside of a `SluiceProvider`
 */
export function useAnalytics<Events extends EventMap = EventMap>(): Analytics<Events> {
  const analytics = useContext(AnalyticsContext);
  if (analytics === undefined) throw new Error('useAnalytics needs a <SluiceProvider> around the component.');
  return analytics;
}
