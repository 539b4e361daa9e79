import {
  context,
  ROOT_CONTEXT,
  trace,
  type Context,
  type ContextManager,
  type Span,
} from '@opentelemetry/api';
import { init } from '@sluice/sdk/node';
import { createLogger, startTracing, type Tracing } from '@sluice/service-kit';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startTraceReceiver, type TraceReceiver } from './trace-receiver.js';
import { startWholeSluice, type WholeSluice } from './whole-sluice.js';

/** As the SDK of OpenTelemetry for Node does it in an application. */
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

describe('a trace', () => {
  let receiver: TraceReceiver;
  let sluice: WholeSluice;
  let shop: Tracing;
  const tracings: Tracing[] = [];

  async function tracingOf(service: string, share: number): Promise<Tracing> {
    const tracing = await startTracing({
      ...{ service, share, endpoint: receiver.url, sendEveryMs: 20 },
      log: createLogger('test', 'silent'),
    });
    tracings.push(tracing);
    return tracing;
  }

  beforeAll(async () => {
    receiver = await startTraceReceiver();
    enableContexts();
    shop = await tracingOf('shop', 1);
    // Services begin no trace of their own: what they record was begun elsewhere.
    const [gateway, worker] = [await tracingOf('gateway', 0), await tracingOf('worker', 0)];
    sluice = await startWholeSluice(inject('postgresUrl'), {
      gateway: gateway.tracer,
      worker: worker.tracer,
    });
  });

  afterAll(async () => {
    context.disable();
    await (sluice as WholeSluice | undefined)?.close();
    await Promise.all(tracings.map((tracing) => tracing.stop()));
    await receiver.close();
  });

  function within<T>(span: Span, work: () => T): T {
    return context.with(trace.setSpan(ROOT_CONTEXT, span), work);
  }

  async function track(span: Span | undefined, event: string): Promise<void> {
    const analytics = init({ writeKey: sluice.writeKey, host: sluice.gatewayUrl });
    const call = () => analytics.track(event, {}, { userId: 'u1' });
    if (span === undefined) call();
    else within(span, call);
    expect(await analytics.flush()).toMatchObject({ accepted: 1, waiting: 0 });
    await analytics.shutdown();
  }

  it('goes on from the SDK through the gateway and the log into landing', async () => {
    const checkout = shop.tracer.startSpan('checkout');
    const { traceId, spanId } = checkout.spanContext();
    await track(checkout, 'Ordered');
    checkout.end();

    const landing = await receiver.find((span) => span.traceId === traceId && span.name === 'land batch');
    const request = await receiver.find((span) => span.traceId === traceId && span.name.startsWith('POST '));
    const root = await receiver.find((span) => span.spanId === spanId);
    expect([root.service, request.service, landing.service]).toEqual([
      'sluice-shop',
      'sluice-gateway',
      'sluice-worker',
    ]);
    expect(request.parentSpanId).toBe(spanId);
    expect(request.attributes).toMatchObject({ 'sluice.accepted': 1, 'sluice.durability': 'log' });
    expect(landing.parentSpanId).toBe(request.spanId);
    expect(landing.links).toEqual([expect.objectContaining({ traceId, spanId: request.spanId })]);
    expect(landing.attributes).toMatchObject({ 'sluice.landed': 1, 'messaging.batch.message_count': 1 });
  });

  it('of a question shows what it read', async () => {
    const report = shop.tracer.startSpan('report');
    const { traceId, spanId } = report.spanContext();
    const answer = await fetch(`${sluice.apiUrl}/v1/query`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${sluice.readKey}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${spanId}-01`,
      },
      body: JSON.stringify({ kind: 'trends', series: [{ event: 'Ordered', measure: 'count' }] }),
    });
    expect(answer.status).toBe(200);
    await answer.text();
    report.end();
    const question = await receiver.find((span) => span.traceId === traceId && span.name === 'query trends');
    expect(question.parentSpanId).toBe(spanId);
    expect(question.attributes).toMatchObject({ 'sluice.query.outcome': 'ok' });
  });

  it('that is not recorded, or not begun, leaves no spans', async () => {
    const before = receiver.spans.length;
    await track(undefined, 'Untraced');
    const unrecorded = (await tracingOf('quiet', 0)).tracer.startSpan('quiet');
    await track(unrecorded, 'Unrecorded');
    // What is recorded after it arrives, and nothing came before.
    const last = shop.tracer.startSpan('last');
    await track(last, 'Last');
    last.end();
    const { traceId } = last.spanContext();
    await receiver.find((span) => span.traceId === traceId && span.name === 'land batch');
    await receiver.find((span) => span.traceId === traceId && span.name.startsWith('POST '));
    await receiver.find((span) => span.spanId === last.spanContext().spanId);
    expect(receiver.spans.slice(before).every((span) => span.traceId === traceId)).toBe(true);
  });
});
