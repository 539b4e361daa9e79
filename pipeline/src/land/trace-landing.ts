import { parseTraceparent, TRACE_HEADER, type TraceContext } from '@sluice/contracts';
import type { LogRecord, RecordBatch } from '@sluice/event-log';
import { endFailed, linkTo, parentOf, SpanKind, traceContextOf, type Tracer } from '@sluice/service-kit';

/** Producers of a batch that are linked to at most: so many spans a batch costs at most, however many were traced. */
export const MAX_PRODUCERS = 32;

export interface LandingTrace {
  landed(facts: { landed: number; duplicates: number; deadLetters: readonly unknown[] }): void;
  failed(error: unknown): void;
}

/**
 * Begins the spans of a batch, when requests in it are traced. The batch has one span, linked to the requests that its
 * records came with and in the trace of the first; the traces of the others have a span `land` of their own, linked to that
 * of the batch. So each trace shows that and when its events landed.
 */
export function traceLanding(tracer: Tracer | undefined, batch: RecordBatch): LandingTrace {
  if (tracer === undefined) return UNTRACED;
  const producers = findProducers(batch.records);
  const [first] = producers;
  if (first === undefined) return UNTRACED;
  const startTime = Date.now();
  const span = tracer.startSpan(
    'land batch',
    {
      kind: SpanKind.CONSUMER,
      startTime,
      links: producers.map(linkTo),
      attributes: {
        'messaging.batch.message_count': batch.records.length,
        'messaging.destination.partition.id': String(batch.partition),
        'sluice.offset.from': batch.from,
        'sluice.offset.to': batch.to,
      },
    },
    parentOf(first),
  );
  if (!span.isRecording()) return UNTRACED;
  const links = [linkTo(traceContextOf(span))];
  const others = producers
    .slice(1)
    .map((producer) =>
      tracer.startSpan('land', { kind: SpanKind.CONSUMER, startTime, links }, parentOf(producer)),
    );
  return {
    landed({ landed, duplicates, deadLetters }) {
      span.setAttributes({
        'sluice.landed': landed,
        'sluice.duplicates': duplicates,
        'sluice.dead_letters': deadLetters.length,
      });
      for (const ended of [span, ...others]) ended.end();
    },
    failed(error) {
      for (const ended of [span, ...others]) endFailed(ended, error);
    },
  };
}

/** The requests of the records whose trace is recorded, one of each trace. */
function findProducers(records: readonly LogRecord[]): TraceContext[] {
  const producers = new Map<string, TraceContext>();
  for (const { headers } of records) {
    const header = headers[TRACE_HEADER];
    if (header === undefined) continue;
    const producer = parseTraceparent(header);
    if (producer?.isSampled !== true || producers.has(producer.traceId)) continue;
    producers.set(producer.traceId, producer);
    if (producers.size === MAX_PRODUCERS) break;
  }
  return [...producers.values()];
}

const nothing = (): void => undefined;
const UNTRACED: LandingTrace = { landed: nothing, failed: nothing };
