import type { CaptureModule } from '../core/types.js';

/**
 * Sends `Web Vital Measured` with `metric` (LCP, INP, CLS, FCP, TTFB), `value` (milliseconds; CLS has no unit), `rating`
 * (good, needs-improvement, poor), `navigationType` and `id`, once for each metric and page load, when the browser knows
 * it for good: some only when the page is left or hidden. Google's `web-vitals` does the measuring; it is loaded by an
 * import of its own after start, and where that fails nothing is measured.
 */
export function webVitals(): CaptureModule {
  return ({ analytics }) => {
    let stopped = false;
    const start = async (): Promise<void> => {
      const { onLCP, onINP, onCLS, onFCP, onTTFB } = await import('web-vitals');
      if (stopped) return;
      for (const measure of [onLCP, onINP, onCLS, onFCP, onTTFB]) {
        measure(({ name, value, rating, navigationType, id }) => {
          if (stopped) return;
          analytics.track('Web Vital Measured', {
            metric: name,
            value: Math.round(value * 1_000) / 1_000,
            rating,
            navigationType,
            id,
          });
        });
      }
    };
    start().catch(() => undefined);
    return () => {
      stopped = true;
    };
  };
}
