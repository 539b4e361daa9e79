import * as capture from '../src/autocapture/index.js';
import type { Analytics, CaptureModule } from '../src/core/types.js';

/** The script of the pages under test, bundled for the browser: what an application writes. */

declare global {
  interface Window {
    /** Starts the SDK with the modules named, each with its options. */
    startCapture(modules: Partial<Record<keyof typeof capture, unknown>>): void;
    analytics: Analytics;
  }
}

window.startCapture = (modules) => {
  const factories = capture as unknown as Record<string, (options: unknown) => CaptureModule>;
  const send = (message: object): string => {
    navigator.sendBeacon('/recorded', JSON.stringify(message));
    return 'id';
  };
  window.analytics = {
    track: (event: string, properties: unknown, options: unknown) =>
      send({
        type: 'track',
        event,
        properties,
        context: { page: { url: location.href } },
        ...(options as object),
      }),
    page: (name: string, properties: unknown) =>
      send({ type: 'page', name, properties, context: { page: { url: location.href } } }),
    async shutdown() {
      for (const stop of stops) stop?.();
    },
  } as never;
  const stops = Object.entries(modules).map(([name, options]) =>
    factories[name]!(options === true ? {} : options)({
      analytics: window.analytics,
      redactUrl: (url) => url.replace(/token=[^&]*/, 'token=REDACTED'),
    }),
  );
};
