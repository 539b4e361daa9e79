import { useCallback } from 'react';
import type { Analytics, EventMap } from '../core/types.js';
import { useAnalytics } from './use-analytics.js';

/**
 * `track` alone, the same function in every render: good for handlers and lists of dependencies.
 * @throws Error outside of a `SluiceProvider`
 */
export function useTrack<Events extends EventMap = EventMap>(): Analytics<Events>['track'] {
  const analytics = useAnalytics<Events>();
  return useCallback<Analytics<Events>['track']>((...call) => analytics.track(...call), [analytics]);
}
