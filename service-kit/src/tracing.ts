import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { SluiceError, type TraceContext } from '@sluice/contracts';
import { z } from 'zod';
import { VERSION, type Logger } from './telemetry.js';

export { SpanKind, type Attributes, type Span, type Tracer } from '@opentelemetry/api';

/** Settings of tracing, under the names that OpenTelemetry gives them. */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url()
    .optional()
    .describe('Where traces go, by OTLP over HTTP: http://collector:4318. Without it nothing is traced.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe(
      'Share of the requests that begin a trace; what comes with a recorded trace is always recorded.',
    ),
};

export interface TracingOptions {
  /** Traces say `sluice-SERVICE`. */
  service: string;
  /** Base address of a collector; `/v1/traces` is added. */
  endpoint: string;
  /** Share of the spans without a parent that begin a trace, 0 to 1. */
  share: number;
  log: Logger;
  /** Longest time that ended spans wait to be sent, milliseconds. Default 5,000. */
  sendEveryMs?: number;
}

export interface Tracing {
  tracer: Tracer;
  /** Sends what is left, for five seconds at most, and ends. Never rejects. */
  stop(): Promise<void>;
}

const LONGEST_STOP_MS = 5_000;

/**
 * Starts the SDK of OpenTelemetry with spans going to a collector. It is loaded here and nowhere else: a service that traces
 * nothing does not pay for it. A collector that is not there costs spans and a warning, nothing more.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { service, endpoint, share, log } = options;
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, sdk] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const warn = (message: string, ...details: unknown[]): void => log.warn({ details }, `tracing: ${message}`);
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `sluice-${service}`, 'service.version': VERSION }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(share) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` }),
        scheduledDelayMillis: options.sendEveryMs ?? 5_000,
      }),
    ],
  });
  return {
    tracer: provider.getTracer('sluice', VERSION),
    async stop() {
      let timer: NodeJS.Timeout | undefined;
      const longEnough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LONGEST_STOP_MS);
      });
      await Promise.race([provider.shutdown().catch((error: unknown) => warn(String(error))), longEnough]);
      clearTimeout(timer);
    },
  };
}

/** A parent for spans: what came from elsewhere, or nothing. */
export function parentOf(remote: TraceContext | undefined): Context {
  if (remote === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, spanContextOf(remote));
}

/** What a link to a span of elsewhere says. */
export function linkTo(remote: TraceContext): { context: ReturnType<typeof spanContextOf> } {
  return { context: spanContextOf(remote) };
}

/** Where a span is, to be handed on. */
export function traceContextOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
}

/** Ends a span whose work failed, with the code of the failure. */
export function endFailed(span: Span, error: unknown): void {
  span.setAttribute('error.type', error instanceof SluiceError ? error.code : nameOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

function spanContextOf({ traceId, spanId, isSampled }: TraceContext) {
  return { traceId, spanId, isRemote: true, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
