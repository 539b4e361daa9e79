import { createServer } from 'node:http';
import { z } from 'zod';

const attributes = z
  .array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) }))
  .default([])
  .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, Object.values(value)[0]])));

/** What OTLP says of spans, in JSON. */
const requestSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              attributes,
              links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
            }),
          ),
        }),
      ),
    }),
  ),
});

type OtlpRequest = z.infer<typeof requestSchema>;
type Scope = OtlpRequest['resourceSpans'][number]['scopeSpans'][number];
export type ReceivedSpan = Scope['spans'][number] & { service: unknown };

export interface TraceReceiver {
  /** What a service is given as its collector. */
  url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Resolves with the first span like this, when it is there. */
  find(what: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
  close(): Promise<void>;
}

/** Takes traces as a collector does: OTLP over HTTP, in JSON. */
export async function startTraceReceiver(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const read =
        request.url === '/v1/traces'
          ? requestSchema.safeParse(JSON.parse(Buffer.concat(chunks).toString()))
          : undefined;
      if (read?.success !== true) {
        response.writeHead(400).end();
        return;
      }
      for (const { resource, scopeSpans } of read.data.resourceSpans) {
        const service = resource.attributes['service.name'];
        for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      for (const look of waiting) look();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    find: (what) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = spans.find(what);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
