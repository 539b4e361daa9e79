import { resolve } from 'node:path';
import { startCollector } from './collector.js';
import { installPeer, type PeerPackage } from './install-peer.js';
import type { Subject } from './subject.js';

/** Another tracker that is published on npm. Set up as its documentation says, autocapture off. */
export interface Peer {
  name: string;
  package: PeerPackage;
  /** As in `Subject`. */
  pageModule: string;
  /** The smallest use: set-up and one call. What its size is measured on. */
  sizeEntry: string;
}

/** Where peers are installed, relative to the checkout that the command runs in. */
export const PEERS_DIR = resolve('.cache', 'sdk-peers');

const SEGMENT: PeerPackage = { name: '@segment/analytics-next', version: '1.84.3' };

function segmentModule(deliveryStrategy: string): string {
  return `
import { AnalyticsBrowser } from '@segment/analytics-next';
let analytics;
export const start = ({ host, writeKey }) => {
  const apiHost = host + '/v1';
  analytics = AnalyticsBrowser.load(
    {
      writeKey,
      cdnSettings: { integrations: { 'Segment.io': { apiKey: writeKey, apiHost } }, metrics: { sampleRate: 0 } },
    },
    { integrations: { 'Segment.io': { apiHost, protocol: 'http', deliveryStrategy: ${deliveryStrategy} } } },
  );
  return analytics.ready();
};
export const track = (event, properties) => void analytics.track(event, properties);
`;
}

const SEGMENT_ENTRY = `
import { AnalyticsBrowser } from '@segment/analytics-next';
const analytics = AnalyticsBrowser.load({ writeKey: 'k' });
analytics.track('e', { a: 1 });
`;

/** Umami's tracker is not among them: it is not published on npm. */
export const PEERS: readonly Peer[] = [
  {
    name: 'segment',
    package: SEGMENT,
    pageModule: segmentModule(`{ strategy: 'standard' }`),
    sizeEntry: SEGMENT_ENTRY,
  },
  {
    name: 'segment-batching',
    package: SEGMENT,
    pageModule: segmentModule(`{ strategy: 'batching' }`),
    sizeEntry: SEGMENT_ENTRY,
  },
  {
    name: 'posthog',
    package: { name: 'posthog-js', version: '1.449.2' },
    pageModule: `
import posthog from 'posthog-js';
export const start = ({ url, writeKey }) => {
  posthog.init(writeKey, {
    api_host: url,
    autocapture: false,
    capture_pageview: false,
    capture_pageleave: false,
    capture_performance: false,
    disable_session_recording: true,
    disable_surveys: true,
    disable_external_dependency_loading: true,
    advanced_disable_flags: true,
    opt_out_useragent_filter: true,
    persistence: 'localStorage',
  });
};
export const track = (event, properties) => posthog.capture(event, properties);
`,
    sizeEntry: `
import posthog from 'posthog-js';
posthog.init('k', { api_host: 'https://events.example.com' });
posthog.capture('e', { a: 1 });
`,
  },
  {
    name: 'rudderstack',
    package: { name: '@rudderstack/analytics-js', version: '3.34.1' },
    pageModule: `
import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
const analytics = new RudderAnalytics();
export const start = ({ url, writeKey }) => {
  analytics.load(writeKey, url, {
    logLevel: 'NONE',
    plugins: ['XhrQueue', 'StorageEncryption'],
    getSourceConfig: () => ({
      source: {
        id: 'lab', name: 'lab', writeKey, enabled: true, workspaceId: 'lab', updatedAt: '2026-01-01T00:00:00.000Z',
        config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
        dataplanes: {}, destinations: [],
      },
      consentManagementMetadata: {},
      updatedAt: '2026-01-01T00:00:00.000Z',
    }),
  });
  return new Promise((resolve) => analytics.ready(resolve));
};
export const track = (event, properties) => analytics.track(event, properties);
`,
    sizeEntry: `
import { RudderAnalytics } from '@rudderstack/analytics-js';
const analytics = new RudderAnalytics();
analytics.load('k', 'https://events.example.com');
analytics.track('e', { a: 1 });
`,
  },
  {
    name: 'snowplow',
    package: { name: '@snowplow/browser-tracker', version: '4.10.1' },
    pageModule: `
import { newTracker, trackStructEvent } from '@snowplow/browser-tracker';
export const start = ({ url }) => void newTracker('lab', url, { appId: 'lab' });
export const track = (event, { marker, pad }) =>
  trackStructEvent({ category: event, action: marker, ...(pad === undefined ? {} : { label: pad }) });
`,
    sizeEntry: `
import { newTracker, trackStructEvent } from '@snowplow/browser-tracker';
newTracker('sp', 'https://events.example.com', { appId: 'a' });
trackStructEvent({ category: 'c', action: 'a' });
`,
  },
  {
    name: 'amplitude',
    package: { name: '@amplitude/analytics-browser', version: '2.47.0' },
    pageModule: `
import { init, track as amplitudeTrack } from '@amplitude/analytics-browser';
export const start = ({ url, writeKey }) =>
  init(writeKey, { serverUrl: url + '/2/httpapi', autocapture: false, fetchRemoteConfig: false, logLevel: 0 }).promise;
export const track = (event, properties) => void amplitudeTrack(event, properties);
`,
    sizeEntry: `
import { init, track } from '@amplitude/analytics-browser';
init('k');
track('e', { a: 1 });
`,
  },
  {
    name: 'mixpanel',
    package: { name: 'mixpanel-browser', version: '2.83.0' },
    pageModule: `
import mixpanel from 'mixpanel-browser/src/loaders/loader-module-core';
export const start = ({ url, writeKey }) => {
  mixpanel.init(writeKey, { api_host: url, autocapture: false, track_pageview: false, persistence: 'localStorage' });
};
export const track = (event, properties) => mixpanel.track(event, properties);
`,
    sizeEntry: `
import mixpanel from 'mixpanel-browser/src/loaders/loader-module-core';
mixpanel.init('k', { autocapture: false });
mixpanel.track('e', { a: 1 });
`,
  },
  {
    name: 'jitsu',
    package: { name: '@jitsu/js', version: '1.11.0' },
    pageModule: `
import { jitsuAnalytics } from '@jitsu/js';
let analytics;
export const start = ({ url, writeKey }) => {
  analytics = jitsuAnalytics({ host: url, writeKey });
};
export const track = (event, properties) => void analytics.track(event, properties);
`,
    sizeEntry: `
import { jitsuAnalytics } from '@jitsu/js';
jitsuAnalytics({ host: 'https://events.example.com', writeKey: 'k' }).track('e', { a: 1 });
`,
  },
  {
    name: 'openpanel',
    package: { name: '@openpanel/web', version: '1.4.1' },
    pageModule: `
import { OpenPanel } from '@openpanel/web';
let panel;
export const start = ({ url, writeKey }) => {
  panel = new OpenPanel({ clientId: writeKey, apiUrl: url, trackScreenViews: false });
};
export const track = (event, properties) => void panel.track(event, properties);
`,
    sizeEntry: `
import { OpenPanel } from '@openpanel/web';
new OpenPanel({ clientId: 'k' }).track('e', { a: 1 });
`,
  },
  {
    name: 'plausible',
    package: { name: '@plausible-analytics/tracker', version: '0.4.6' },
    pageModule: `
import { init, track as plausibleTrack } from '@plausible-analytics/tracker';
export const start = ({ url }) =>
  init({
    domain: 'shop.example',
    endpoint: url + '/api/event',
    autoCapturePageviews: false,
    captureOnLocalhost: true,
    logging: false,
  });
export const track = (event, properties) => plausibleTrack(event, { props: properties });
`,
    sizeEntry: `
import { init, track } from '@plausible-analytics/tracker';
init({ domain: 'shop.example' });
track('e', { props: { a: 1 } });
`,
  },
];

export interface InstalledPeers<T> {
  installed: T[];
  /** Why a peer is not among them, by its name. */
  missing: Record<string, string>;
}

/** Installs those that are not there yet. One that cannot be had does not keep the others away. */
export async function installPeers(
  peers: readonly Peer[],
  cacheDir: string,
): Promise<InstalledPeers<{ peer: Peer; dir: string }>> {
  const installed: { peer: Peer; dir: string }[] = [];
  const missing: Record<string, string> = {};
  for (const peer of peers) {
    try {
      installed.push({ peer, dir: await installPeer(peer.package, cacheDir) });
    } catch (error) {
      missing[peer.name] = error instanceof Error ? error.message : String(error);
    }
  }
  return { installed, missing };
}

export function peerSubject(peer: Peer, dir: string): Subject {
  return {
    name: peer.name,
    pageModule: peer.pageModule,
    resolveDir: dir,
    writeKey: 'lab',
    startUpstream: startCollector,
  };
}
