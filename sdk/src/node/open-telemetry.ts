/**
 * OpenTelemetry without depending on it: its API keeps what is active under a well-known symbol, whichever copy of it an
 * application has, so that libraries find it there.
 */
export interface TraceIds {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  /** False when the application does not record this trace; absent when it does. */
  sampled?: false;
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
  spanContext?: () => { traceId?: unknown; spanId?: unknown; traceFlags?: unknown };
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
    const { traceId, spanId, traceFlags } = span?.spanContext?.() ?? {};
    if (typeof traceId !== 'string' || typeof spanId !== 'string') return undefined;
    if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId)) return undefined;
    return (Number(traceFlags) & 1) === 1 ? { traceId, spanId } : { traceId, spanId, sampled: false };
  } catch {
    // Whatever stands there is not what we know; an event without a trace is still an event.
    return undefined;
  }
}

/** As `readTraceIds` makes it, and as it stands in the JSON of a message, with nothing behind it: the trace is recorded. */
const SAMPLED_TRACE = /"trace":\{"traceId":"([0-9a-f]{32})","spanId":"([0-9a-f]{16})"\}/;

/**
 * The W3C `traceparent` of a batch: that of its first message whose trace is recorded. A header can name one trace only;
 * those of the other messages are in their contexts. Empty without OpenTelemetry in the process.
 */
export function traceHeaders(body: string): { traceparent?: string } {
  if (readApi() === undefined) return {};
  const [, traceId, spanId] = SAMPLED_TRACE.exec(body) ?? [];
  return traceId === undefined ? {} : { traceparent: `00-${traceId}-${spanId}-01` };
}

/** Runs work so that instrumented HTTP clients make no spans for it: deliveries are not the application's requests. */
export function withoutTracing<T>(work: () => T): T {
  const api = readApi();
  if (api === undefined) return work();
  return api.with(api.active().setValue(SUPPRESS_TRACING, true), work);
}
