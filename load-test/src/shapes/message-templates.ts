import type { TrafficMessage } from '../generate/message.js';
import { generateTraffic } from '../generate/traffic.js';

/** Messages without ids and times, ready to be filled in: fast enough for tens of thousands a second. */
export interface MessageTemplates {
  /** JSON of a message. */
  fill(n: number, messageId: string, timestamp: string): string;
}

export interface TemplateOptions {
  seed: number;
  users: number;
  /** Different messages at most. Default 2,000. */
  count?: number;
  /**
   * Makes every message a track message of this name, so that a run can be counted apart from everything else.
   * Default: the journeys as they are.
   */
  event?: string;
}

const WEEK_MS = 7 * 86_400_000;
const SOME_MONDAY_MS = Date.UTC(2026, 0, 5);

export function createMessageTemplates(options: TemplateOptions): MessageTemplates {
  const count = options.count ?? 2_000;
  const tails: string[] = [];
  const traffic = generateTraffic({
    seed: options.seed,
    users: options.users,
    events: count,
    startMs: SOME_MONDAY_MS,
    endMs: SOME_MONDAY_MS + WEEK_MS,
  });
  for (const whole of traffic) {
    const message: Partial<TrafficMessage> = { ...whole };
    delete message.messageId;
    delete message.timestamp;
    const renamed =
      options.event === undefined
        ? message
        : {
            type: 'track',
            anonymousId: message.anonymousId,
            ...(message.userId === undefined ? {} : { userId: message.userId }),
            event: options.event,
            properties: message.properties ?? {},
            context: message.context,
          };
    tails.push(JSON.stringify(renamed).slice(1));
  }
  return {
    fill(n, messageId, timestamp) {
      const tail = tails[n % tails.length] ?? '';
      return `{"messageId":${JSON.stringify(messageId)},"timestamp":"${timestamp}",${tail}`;
    },
  };
}
