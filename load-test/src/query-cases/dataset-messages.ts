import { createHash } from 'node:crypto';
import type { Dataset } from './case-file.js';

/** The messages of a dataset as a client would send them, in the order in which they arrive. */
export function datasetMessages(label: string, { events, identity = {} }: Dataset): object[] {
  const messages = events.map(([userId, timestamp, name, properties = {}], index) => {
    const common = { messageId: messageId(`${label}/${index}`), userId, timestamp };
    // What counts as a view of a page has to be one.
    if (name === 'pageview') {
      return { ...common, type: 'page', name, properties: { path: '/', ...properties } };
    }
    return { ...common, type: 'track', event: name, properties };
  });
  const last = events
    .map(([, timestamp]) => timestamp)
    .sort()
    .at(-1);
  const merges = Object.entries(identity).map(([previousId, userId]) => ({
    messageId: messageId(`${label}/alias/${previousId}`),
    type: 'alias',
    previousId,
    userId,
    timestamp: last,
  }));
  return [...messages, ...merges];
}

function messageId(text: string): string {
  return `case-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}
