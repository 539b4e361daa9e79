/**
 * OpenTelemetry without depending on it: its API keeps what is active under a well-known symbol, whichever copy of it an
 * application has, so that libraries find it there.
 */
export interface TraceIds {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
}

interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
}

interface OtelApi {
  context?: {
    active(): OtelContext;
    with<T>(context: OtelContext, work: () => T): T;
  };
}

interface OtelSpan {
  spanContext?: () => { traceId?: unknown; spanId?: unknown };
}

// Major version 1 of @opentelemetry/api, and the keys it makes: part of its contract between copies of itself.
const API = Symbol.for('opentelemetry.js.api.1');
const ACTIVE_SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

function readApi(): OtelApi['context'] {
  return (globalThis as { [API]?: OtelApi })[API]?.context;
}

/** The ids of the active span; undefined without one, or without OpenTelemetry. */
export function readTraceIds(): TraceIds | undefined {
  try {
    const span = readApi()?.active().getValue(ACTIVE_SPAN) as OtelSpan | undefined;
    const { traceId, spanId } = span?.spanContext?.() ?? {};
    if (typeof traceId !== 'string' || typeof spanId !== 'string') return undefined;
    return TRACE_ID.test(traceId) && SPAN_ID.test(spanId) ? { traceId, spanId } : undefined;
  } catch {
    // Whatever stands there is not what we know; an event without a trace is still an event.
    return undefined;
  }
}

/** Runs work so that instrumented HTTP clients make no spans for it: deliveries are not the application's requests. */
export function withoutTracing<T>(work: () => T): T {
  const api = readApi();
  if (api === undefined) return work();
  return api.with(api.active().setValue(SUPPRESS_TRACING, true), work);
}
