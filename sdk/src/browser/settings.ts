import type { Analytics, CaptureModule, CommonSettings, ConsentStatus, EventMap } from '../core/types.js';
import type { MessageStore } from './message-store.js';

export interface BrowserSettings extends CommonSettings {
  /** Where consent stands as long as the visitor has not decided. Default `granted`. */
  consent?: ConsentStatus;
  /** Takes Global Privacy Control and Do Not Track for a refusal. Default true. */
  honorPrivacySignals?: boolean;
  /** Stores nothing on the device: no ids, no outbox; each page load is a visitor of its own. Default false. */
  cookieless?: boolean;
  /** E.g. `example.com`: one anonymous id on all its subdomains. Default: this host only. */
  cookieDomain?: string;
  /** Capabilities to add, of `@sluice/sdk/autocapture` or your own. */
  capture?: readonly CaptureModule[];
}

export interface BrowserAnalytics<Events extends EventMap = EventMap> extends Analytics<Events> {
  /** Where messages wait; `memory` does not survive the page. */
  readonly outbox: MessageStore['kind'];
}

/** The defaults, each written here and nowhere else. */
export const BROWSER_DEFAULTS = {
  flushAt: 50,
  flushIntervalMs: 1_000,
  maxOutboxMessages: 10_000,
  maxOutboxBytes: 4_194_304,
  maxAgeMs: 604_800_000,
};
