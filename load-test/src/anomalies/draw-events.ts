/** One kind of event, as often as chance has it. */
export interface EventSource {
  event: string;
  /** Expected events in a minute that begins at an instant. */
  perMinuteAt: (ms: number) => number;
}

export interface DrawnMessage {
  type: 'track';
  event: string;
  anonymousId: string;
  messageId: string;
  timestamp: string;
}

const DAY_MS = 86_400_000;
const DEVICES = 2_000;

/** Busier by day than by night, in UTC: between 0.8 and 1.2 of the mean. */
export function dailyRhythm(mean: number): (ms: number) => number {
  return (ms) => mean * (1 + 0.2 * Math.sin(((ms % DAY_MS) / DAY_MS - 0.25) * 2 * Math.PI));
}

/**
 * Messages of a stretch of time, each drawn for itself: a Poisson process whose rate is that at the start of the stretch, so
 * stretches must not be longer than rates hold. Message ids are new each time.
 */
export function drawEvents(
  sources: readonly EventSource[],
  { fromMs, toMs, random }: { fromMs: number; toMs: number; random: () => number },
): DrawnMessage[] {
  const messages: DrawnMessage[] = [];
  for (const { event, perMinuteAt } of sources) {
    const perMs = perMinuteAt(fromMs) / 60_000;
    if (perMs <= 0) continue;
    for (let atMs = fromMs; ;) {
      atMs -= Math.log(1 - random()) / perMs;
      if (atMs >= toMs) break;
      messages.push({
        type: 'track',
        event,
        anonymousId: `device-${Math.floor(random() * DEVICES)}`,
        messageId: crypto.randomUUID(),
        timestamp: new Date(Math.floor(atMs)).toISOString(),
      });
    }
  }
  return messages;
}
