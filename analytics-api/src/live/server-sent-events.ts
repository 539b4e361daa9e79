import type { TailItem } from './tail-events.js';

/**
 * A tail as server-sent events. Only the last event of a batch carries an id, the position behind the batch: a client that
 * reconnects in the middle of one gets the batch again, and tells repeated events by their `event_id`.
 */
export async function* encodeServerSentEvents(items: AsyncIterable<TailItem>): AsyncGenerator<string> {
  // Tells the client how long to wait before it reconnects, and opens the stream before there is an event.
  yield 'retry: 2000\n\n';
  for await (const item of items) {
    if (item.kind === 'alive') {
      yield ': alive\n\n';
    } else if (item.kind === 'skipped') {
      yield `event: skipped\nid: ${item.position}\ndata: ${JSON.stringify({ events_of_all_projects: item.events })}\n\n`;
    } else {
      const last = item.events.length - 1;
      yield item.events
        .map((event, index) => {
          const id = index === last ? `id: ${item.position}\n` : '';
          return `event: event\n${id}data: ${JSON.stringify(event)}\n\n`;
        })
        .join('');
    }
  }
}
