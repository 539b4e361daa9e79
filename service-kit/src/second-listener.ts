import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface SecondListener {
  /** Whether a request came in here and not at the app's own address. */
  took(request: FastifyRequest): boolean;
  /** Where it listens; undefined before the app is ready. */
  readonly address: AddressInfo | undefined;
}

/**
 * Lets an app listen at one more address, with the limits of its own server. It listens once the app is ready, and ends
 * with it. Whether a request came in here is a matter of its connection: no header says it.
 */
export function listenApart(
  app: Pick<FastifyInstance, 'server' | 'routing' | 'addHook'>,
  { host, port }: { host: string; port: number },
): SecondListener {
  const sockets = new WeakSet<Socket>();
  const server: Server = createServer((request, response) => app.routing(request, response));
  server.on('connection', (socket) => sockets.add(socket));

  app.addHook('onReady', async () => {
    const { requestTimeout, headersTimeout, keepAliveTimeout } = app.server;
    Object.assign(server, { requestTimeout, headersTimeout, keepAliveTimeout });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  });
  let closed: Promise<void> = Promise.resolve();
  app.addHook('preClose', (done) => {
    closed = new Promise((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    done();
  });
  app.addHook('onClose', () => closed);

  return {
    took: (request) => sockets.has(request.raw.socket),
    get address() {
      const address = server.address();
      return typeof address === 'string' ? undefined : (address ?? undefined);
    },
  };
}
