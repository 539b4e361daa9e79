/**
 * When people are active: the hours of their own day and the days of their own week. Weights are relative; 1 is an
 * ordinary working hour.
 */
const HOUR_WEIGHTS = [
  0.12, 0.07, 0.05, 0.04, 0.05, 0.1, 0.25, 0.5, 0.8, 1, 1.05, 1.05, 1.2, 1.1, 1, 0.95, 0.95, 1.05, 1.2, 1.4,
  1.5, 1.3, 0.8, 0.35,
] as const;
/** Sunday first. A shop for people at leisure: weekends are stronger. */
const WEEKDAY_WEIGHTS = [1.3, 0.85, 0.85, 0.9, 0.95, 1.05, 1.35] as const;

export const HOUR_MS = 3_600_000;

/** How likely someone whose clocks show this local time is active, relative to an ordinary hour. */
export function activityAt(localHour: number, weekday: number): number {
  return (HOUR_WEIGHTS[localHour] ?? 0) * (WEEKDAY_WEIGHTS[weekday] ?? 0);
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** `activityAt` for the people of a time zone, at an instant. */
export function createZoneRhythm(timezone: string): (instantMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hour: '2-digit',
    weekday: 'short',
    hourCycle: 'h23',
  });
  return (instantMs) => {
    const parts = format.formatToParts(instantMs);
    const hour = Number(parts.find((part) => part.type === 'hour')?.value);
    const weekday = WEEKDAYS.indexOf(parts.find((part) => part.type === 'weekday')?.value ?? '');
    return activityAt(hour, weekday);
  };
}
