import { createGatewayClient, type GatewayClient } from '../client/gateway-client.js';

export interface BalancedClient extends GatewayClient {
  /** Connections that were refused, or reset before an answer: nobody was there, or nobody any more. */
  readonly refused: number;
}

const NOBODY_THERE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** Sends to several gateways in turn; where nobody is there, to the next one at once, as a load balancer does. */
export function createBalancedClient(options: {
  urls: readonly string[];
  writeKey: string;
  timeoutMs: number;
}): BalancedClient {
  const clients = options.urls.map((url) =>
    createGatewayClient({ url, writeKey: options.writeKey, timeoutMs: options.timeoutMs }),
  );
  let turn = 0;
  let refused = 0;
  return {
    get refused() {
      return refused;
    },
    async send(body, path) {
      for (let tries = 1; ; tries++) {
        const client = clients[turn++ % clients.length]!;
        const outcome = await client.send(body, path);
        if (outcome.kind !== 'unanswered' || !NOBODY_THERE.has(outcome.reason)) return outcome;
        refused++;
        if (tries === clients.length) return outcome;
      }
    },
    async close() {
      for (const client of clients) await client.close();
    },
  };
}
