import { createRandom } from '@sluice/models/random';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The zone's clocks go forward on 29 March 2026, in the midst of the series. */
export const ZONE = 'Europe/Berlin';
const SUMMER_TIME_MS = Date.UTC(2026, 2, 29, 1);

/**
 * A rhythm of day and week by the zone's clock, 1 on average. Nothing in it is made of hours or of a weekday's factor, as
 * the detector's expectation is: waves with phases of their own, a rush that begins within ten minutes, weekends with a day
 * of another form, a Monday that is a little more; every fourth series is flat from Monday to Friday.
 */
export function createSeason(seed: number, intervalMs: number): (startMs: number) => number {
  const random = createRandom(seed);
  const isFlat = seed % 4 === 0;
  const [height, peak, second, rush, weekend, weekendPeak] = [
    0.4 + 0.7 * random(),
    10 + 8 * random(),
    24 * random(),
    6 + 12 * random(),
    0.3 + 0.6 * random(),
    24 * random(),
  ];
  const wave = (hour: number, at: number, hours: number): number =>
    Math.cos((2 * Math.PI * (hour - at)) / hours);
  const raw = (localMs: number): number => {
    const hour = (localMs % DAY_MS) / HOUR_MS;
    const weekday = (Math.floor(localMs / DAY_MS) + 4) % 7;
    const isWeekend = weekday === 0 || weekday === 6;
    const rushed = 0.4 / (1 + Math.exp(-(hour - rush) * 20)) / (1 + Math.exp((hour - rush - 1.6) * 6));
    const day = isFlat ? 1 : Math.exp(height * wave(hour, peak, 24) + 0.3 * wave(hour, second, 11) + rushed);
    if (isWeekend) return weekend * day * (1 + 0.25 * wave(hour, weekendPeak, 24));
    return weekday === 1 ? 1.07 * day : day;
  };
  const steps = (7 * DAY_MS) / intervalMs;
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += raw(i * intervalMs);
  return (startMs) => (raw(localMs(startMs)) * steps) / sum;
}

function localMs(instantMs: number): number {
  return instantMs + (instantMs < SUMMER_TIME_MS ? 1 : 2) * HOUR_MS;
}
