import type { PeerPackage } from '../install-peer.js';

/** Another tracker for Node that is published on npm. Set up as its documentation says. */
export interface NodePeer {
  /** As its browser SDK, where there is one. */
  name: string;
  package: PeerPackage;
  /** As in `NodeSubject`. */
  module: string;
}

export const NODE_PEERS: readonly NodePeer[] = [
  {
    name: 'segment',
    package: { name: '@segment/analytics-node', version: '3.1.0' },
    module: `
import { Analytics } from '@segment/analytics-node';
export const start = ({ url, writeKey }) => {
  const analytics = new Analytics({ writeKey, host: url });
  analytics.on('error', () => undefined);
  return {
    track: (event, properties) => analytics.track({ userId: 'lab', event, properties }),
    close: () => analytics.closeAndFlush(),
  };
};
`,
  },
  {
    name: 'posthog',
    package: { name: 'posthog-node', version: '5.70.0' },
    module: `
import { PostHog } from 'posthog-node';
export const start = ({ url, writeKey }) => {
  const posthog = new PostHog(writeKey, { host: url });
  posthog.on('error', () => undefined);
  return {
    track: (event, properties) => posthog.capture({ distinctId: 'lab', event, properties }),
    close: () => posthog.shutdown(),
  };
};
`,
  },
  {
    name: 'rudderstack',
    package: { name: '@rudderstack/rudder-sdk-node', version: '3.0.13' },
    module: `
import RudderAnalytics from '@rudderstack/rudder-sdk-node';
export const start = ({ url, writeKey }) => {
  const client = new RudderAnalytics(writeKey, { dataPlaneUrl: url, errorHandler: () => undefined });
  return {
    track: (event, properties) => client.track({ userId: 'lab', event, properties }),
    close: () => client.flush().catch(() => undefined),
  };
};
`,
  },
  {
    name: 'snowplow',
    package: { name: '@snowplow/node-tracker', version: '4.8.0' },
    module: `
import { buildSelfDescribingEvent, newTracker } from '@snowplow/node-tracker';
export const start = ({ url, writeKey }) => {
  const tracker = newTracker(
    { namespace: 'lab', appId: writeKey, encodeBase64: false },
    { endpoint: url, eventMethod: 'post', bufferSize: 5 },
  );
  return {
    track: (event, properties) =>
      tracker.track(
        buildSelfDescribingEvent({
          event: { schema: 'iglu:lab/event/jsonschema/1-0-0', data: { event, ...properties } },
        }),
      ),
    close: () => tracker.flush(),
  };
};
`,
  },
  {
    name: 'amplitude',
    package: { name: '@amplitude/analytics-node', version: '1.5.73' },
    module: `
import * as amplitude from '@amplitude/analytics-node';
export const start = async ({ url, writeKey }) => {
  await amplitude.init(writeKey, { serverUrl: url + '/2/httpapi', logLevel: 0 }).promise;
  return {
    track: (event, properties) => amplitude.track(event, properties, { user_id: 'lab-user' }),
    close: () => amplitude.flush().promise,
  };
};
`,
  },
  {
    name: 'openpanel',
    package: { name: '@openpanel/sdk', version: '1.3.1' },
    module: `
import { OpenPanel } from '@openpanel/sdk';
export const start = ({ url, writeKey }) => {
  const client = new OpenPanel({ clientId: writeKey, clientSecret: 'secret', apiUrl: url });
  return {
    track: (event, properties) => void Promise.resolve(client.track(event, properties)).catch(() => undefined),
    close: () => undefined,
  };
};
`,
  },
  {
    name: 'jitsu',
    package: { name: '@jitsu/js', version: '1.11.0' },
    module: `
import { jitsuAnalytics } from '@jitsu/js';
export const start = ({ url, writeKey }) => {
  const analytics = jitsuAnalytics({ host: url, writeKey: 'key:' + writeKey });
  return {
    track: (event, properties) => void Promise.resolve(analytics.track(event, properties)).catch(() => undefined),
    close: () => undefined,
  };
};
`,
  },
];
