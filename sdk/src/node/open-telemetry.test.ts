import {
  context,
  createContextKey,
  ROOT_CONTEXT,
  trace,
  type Context,
  type ContextManager,
} from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from 'vitest';
import { readTraceIds, traceHeaders, withoutTracing } from './open-telemetry.js';

const SPAN = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };

/** Makes OpenTelemetry's API work as its Node SDK does. */
function enableContexts(): void {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...args) => storage.run(active, () => work.apply(self as never, args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
}

function withSpan<T>(span: typeof SPAN, work: () => T): T {
  return context.with(trace.setSpan(context.active(), trace.wrapSpanContext(span)), work);
}

afterEach(() => context.disable());

describe('OpenTelemetry', () => {
  it('gives the ids of the active span, after awaits too', async () => {
    enableContexts();
    const ids = await withSpan(SPAN, async () => {
      await Promise.resolve();
      return readTraceIds();
    });
    expect(ids).toEqual({ traceId: SPAN.traceId, spanId: SPAN.spanId });
  });

  it('gives none outside a span, for an invalid one, and where there is no OpenTelemetry', () => {
    expect(readTraceIds()).toBeUndefined();
    enableContexts();
    expect(readTraceIds()).toBeUndefined();
    const invalid = { ...SPAN, traceId: '0'.repeat(32) };
    expect(withSpan(invalid, readTraceIds)).toBeUndefined();
  });

  it('says of a span that is not recorded that it is not', () => {
    enableContexts();
    expect(withSpan({ ...SPAN, traceFlags: 0 }, readTraceIds)).toEqual({
      traceId: SPAN.traceId,
      spanId: SPAN.spanId,
      sampled: false,
    });
  });

  it('gives a batch the trace of its first message that is recorded', () => {
    enableContexts();
    const message = (trace: object | undefined, text = '') => ({ context: { trace }, properties: { text } });
    const recorded = { traceId: SPAN.traceId, spanId: SPAN.spanId };
    const other = { traceId: '1'.repeat(32), spanId: '2'.repeat(16) };
    const headersOf = (...batch: object[]) => traceHeaders(JSON.stringify({ batch }));
    expect(
      headersOf(message(undefined), message({ ...other, sampled: false }), message(recorded), message(other)),
    ).toEqual({ traceparent: `00-${SPAN.traceId}-${SPAN.spanId}-01` });
    expect(headersOf(message({ ...other, sampled: false }))).toEqual({});
    expect(headersOf(message(undefined, JSON.stringify({ trace: recorded })))).toEqual({});
    context.disable();
    expect(headersOf(message(recorded))).toEqual({});
  });

  it('is told to make no spans for deliveries', () => {
    // What instrumentations of HTTP clients look at.
    const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
    expect(withoutTracing(() => 'works without it')).toBe('works without it');
    enableContexts();
    expect(withoutTracing(() => context.active().getValue(suppressed))).toBe(true);
    expect(context.active().getValue(suppressed)).toBeUndefined();
  });
});
