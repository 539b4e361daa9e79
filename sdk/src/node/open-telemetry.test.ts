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
import { readTraceIds, withoutTracing } from './open-telemetry.js';

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

  it('is told to make no spans for deliveries', () => {
    // What instrumentations of HTTP clients look at.
    const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
    expect(withoutTracing(() => 'works without it')).toBe('works without it');
    enableContexts();
    expect(withoutTracing(() => context.active().getValue(suppressed))).toBe(true);
    expect(context.active().getValue(suppressed)).toBeUndefined();
  });
});
