/** A place in a trace of OpenTelemetry: the span that something was done for. */
export interface TraceContext {
  /** 32 lowercase hexadecimal digits, not all zero. */
  traceId: string;
  /** 16 lowercase hexadecimal digits, not all zero. */
  spanId: string;
  /** Whether the trace is recorded. */
  isSampled: boolean;
}

/** The header that carries it, on requests and on records of the log: W3C Trace Context, level 1. */
export const TRACE_HEADER = 'traceparent';

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a `traceparent`; undefined for none and for one that is malformed, as the specification wants. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  if (typeof text !== 'string') return undefined;
  const match = TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, traceId, spanId, flags, rest] = match;
  // Version 00 has four parts; a later one may have more.
  if (rest !== undefined && text.startsWith('00')) return undefined;
  return { traceId: traceId!, spanId: spanId!, isSampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}
