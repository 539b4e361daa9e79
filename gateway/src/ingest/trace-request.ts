import { formatTraceparent, parseTraceparent, TRACE_HEADER, type IngestAnswer } from '@sluice/contracts';
import { endFailed, parentOf, SpanKind, traceContextOf, type Span, type Tracer } from '@sluice/service-kit';
import type { FastifyRequest } from 'fastify';

/** What is known of a request in terms of tracing. */
export interface RequestTrace {
  /** What its records carry on; undefined when its trace is not recorded. */
  traceparent: string | undefined;
  /** It was judged, and its accepted messages are durable. */
  durable(facts: {
    projectId: number;
    accepted: number;
    rejected: number;
    bytes: number;
    durability: IngestAnswer['durability'];
  }): void;
  answered(): void;
  refused(error: unknown): void;
}

/**
 * Begins a span for a request that is traced; nearly all are not, and share one object. Without a tracer the client's own
 * trace is handed on as it came.
 */
export function traceRequest(tracer: Tracer | undefined, request: FastifyRequest): RequestTrace {
  const header = request.headers[TRACE_HEADER];
  if (tracer === undefined && header === undefined) return UNTRACED;
  const remote = parseTraceparent(header);
  if (tracer === undefined) {
    return remote?.isSampled === true ? { ...UNTRACED, traceparent: formatTraceparent(remote) } : UNTRACED;
  }
  const route = request.routeOptions.url ?? '';
  const span = tracer.startSpan(`POST ${route}`, { kind: SpanKind.SERVER }, parentOf(remote));
  return span.isRecording() ? tracedRequest(span, route) : UNTRACED;
}

function tracedRequest(span: Span, route: string): RequestTrace {
  span.setAttributes({ 'http.request.method': 'POST', 'http.route': route });
  return {
    traceparent: formatTraceparent(traceContextOf(span)),
    durable({ projectId, accepted, rejected, bytes, durability }) {
      span.setAttributes({
        'sluice.project_id': projectId,
        'sluice.accepted': accepted,
        'sluice.rejected': rejected,
        'sluice.durability': durability,
        'http.request.body.size': bytes,
      });
      span.addEvent('durable');
    },
    answered() {
      span.setAttribute('http.response.status_code', 200);
      span.end();
    },
    refused(error) {
      endFailed(span, error);
    },
  };
}

const nothing = (): void => undefined;
const UNTRACED: RequestTrace = {
  traceparent: undefined,
  durable: nothing,
  answered: nothing,
  refused: nothing,
};
