import type { ConsentStatus } from '../core/types.js';
import type { BrowserSettings } from './settings.js';

/** Whether the visitor's browser refuses for them: Global Privacy Control, or Do Not Track. */
export function hasPrivacySignal(): boolean {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return globalPrivacyControl === true || doNotTrack === '1';
}

/** The visitor's own decision, if there was one; else the signals of the browser; else what the application says. */
export function decideConsent(
  decided: ConsentStatus | undefined,
  { consent = 'granted', honorPrivacySignals = true }: BrowserSettings,
): ConsentStatus {
  return decided ?? (honorPrivacySignals && hasPrivacySignal() ? 'denied' : consent);
}
