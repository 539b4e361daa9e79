import * as capture from '../src/autocapture/index.js';
import { init, type BrowserAnalytics } from '../src/browser/index.js';
import type { CaptureModule } from '../src/core/types.js';

/** The script of the pages under test, bundled for the browser: what an application writes. */

export interface CapturePageSettings {
  host: string;
  writeKey: string;
  /** Marks the messages of one test: those of another may still be in the air. */
  run: number;
  /** Modules by their name, each with its options; true for none. */
  capture: Partial<Record<keyof typeof capture, unknown>>;
}

declare global {
  interface Window {
    startCapture(settings: CapturePageSettings): void;
    analytics: BrowserAnalytics;
  }
}

window.startCapture = ({ host, writeKey, run, capture: wanted }) => {
  const factories = capture as unknown as Record<string, (options: unknown) => CaptureModule>;
  window.analytics = init({
    host,
    writeKey,
    flushIntervalMs: 20,
    capture: Object.entries(wanted).map(([name, options]) =>
      factories[name]!(options === true ? {} : options),
    ),
    redact: (message) => ({ ...message, context: { ...message.context, run } }),
    onError(error) {
      // A busy machine may open it late. Messages are kept elsewhere then, and go out all the same.
      if (error.message !== 'IndexedDB does not open') setTimeout(() => void Promise.reject(error));
    },
  });
};
