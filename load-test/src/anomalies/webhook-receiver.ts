import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const messageSchema = z.object({
  type: z.string(),
  data: z.object({ anomaly_id: z.int(), watch: z.string(), series: z.string() }),
});

export interface ReceivedNotification {
  id: string;
  isSigned: boolean;
  type: string;
  anomalyId: number;
  watch: string;
  atMs: number;
}

export interface WebhookReceiver {
  url: string;
  received: readonly ReceivedNotification[];
  close(): Promise<void>;
}

/** A server that takes webhooks and checks their signatures, as a receiver of anybody's would. */
export async function startWebhookReceiver(secret: string): Promise<WebhookReceiver> {
  const received: ReceivedNotification[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const headerOf = (name: string): string => String(request.headers[name] ?? '');
      const id = headerOf('webhook-id');
      const message = messageSchema.safeParse(JSON.parse(body));
      if (message.success) {
        const { type, data } = message.data;
        received.push({
          id,
          isSigned: isSigned(secret, {
            signed: `${id}.${headerOf('webhook-timestamp')}.${body}`,
            signatures: headerOf('webhook-signature'),
          }),
          type,
          anomalyId: data.anomaly_id,
          watch: data.watch,
          atMs: Date.now(),
        });
      }
      response.writeHead(message.success ? 204 : 400).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Standard Webhooks: any of the signatures in the header is the right one. */
function isSigned(secret: string, { signed, signatures }: { signed: string; signatures: string }): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(signed).digest();
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
