/** What is done to a series, as a factor on what would have been expected so long after it began. */
export interface Injected {
  name: 'outage' | 'drop' | 'spike' | 'drift';
  direction: 'up' | 'down';
  durationMs: (intervalMs: number) => number;
  factor: (sinceMs: number) => number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DRIFT_DAYS = 7;

function shortMs(intervalMs: number): number {
  return intervalMs < HOUR_MS ? 2 * HOUR_MS : 6 * HOUR_MS;
}

export const INJECTED: readonly Injected[] = [
  { name: 'outage', direction: 'down', durationMs: shortMs, factor: () => 0 },
  { name: 'drop', direction: 'down', durationMs: shortMs, factor: () => 0.5 },
  { name: 'spike', direction: 'up', durationMs: shortMs, factor: () => 3 },
  {
    name: 'drift',
    direction: 'down',
    durationMs: () => 10 * DAY_MS,
    factor: (sinceMs) => 1 - 0.4 * Math.min(1, sinceMs / (DRIFT_DAYS * DAY_MS)),
  },
];
