import { createLogger } from '@sluice/service-kit';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createWatchTelemetry } from './watch-telemetry.js';

describe('the telemetry of watching', () => {
  it('shows a watcher that stands still by the age of its last look', async () => {
    const registry = new Registry();
    let nowMs = 1_000_000;
    const telemetry = createWatchTelemetry(createLogger('watch', 'silent'), registry, () => nowMs);
    const valueOf = async (name: string): Promise<number> =>
      (await registry.getSingleMetric(name)!.get()).values[0]!.value;
    nowMs += 30_000;
    expect(await valueOf('sluice_watch_last_pass_age_seconds')).toBe(30);
    telemetry.passEnded({ series: 51, lagMs: 2_500 });
    nowMs += 7_000;
    expect(await valueOf('sluice_watch_last_pass_age_seconds')).toBe(7);
    expect(await valueOf('sluice_watch_series')).toBe(51);
    expect(await valueOf('sluice_watch_lag_seconds')).toBe(2.5);
  });
});
