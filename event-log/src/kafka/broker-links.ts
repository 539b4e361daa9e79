/**
 * Connections to brokers, one for each broker and purpose, opened when needed. A request that times out ends its
 * connection: what it would still answer belongs to nobody.
 *
 * This stands on the protocol layer of @platformatic/kafka alone. Its producer takes sequence numbers when a request is
 * made and not when it is acknowledged, so concurrent sends lose messages; its consumer gives partitions away while their
 * handlers still run.
 */
import { Connection, type API, type SASLOptions } from '@platformatic/kafka';
import type { KafkaLocation } from './kafka-url.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** Requests have their own deadlines here. */
const NO_TIMEOUT_MS = 0x7fff_ffff;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface BrokerLinks {
  /** Sends a request and resolves with the answer. Rejects when the answer carries an error code. */
  request<A extends unknown[], R>(
    broker: BrokerAddress,
    api: API<A, R>,
    args: A,
    timeoutMs: number,
  ): Promise<R>;
  /** Ends all connections; their requests reject. Later requests open new ones. */
  reset(): void;
}

export function createBrokerLinks(
  clientId: string,
  { tls, sasl }: Pick<KafkaLocation, 'tls' | 'sasl'>,
): BrokerLinks {
  const connections = new Map<string, Promise<Connection>>();

  function connectionTo(broker: BrokerAddress): Promise<Connection> {
    const key = `${broker.host}:${broker.port}`;
    const known = connections.get(key);
    if (known !== undefined) return known;
    const opening = open(broker, () => {
      if (connections.get(key) === opening) connections.delete(key);
    });
    connections.set(key, opening);
    return opening;
  }

  async function open(broker: BrokerAddress, forget: () => void): Promise<Connection> {
    const connection = new Connection(clientId, {
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: NO_TIMEOUT_MS,
      ...(tls === undefined ? {} : { tls, tlsServerName: isName(broker.host) }),
      ...(sasl === undefined ? {} : { sasl: sasl satisfies SASLOptions }),
    });
    connection.on('error', forget);
    connection.on('close', forget);
    try {
      await connection.connect(broker.host, broker.port);
      return connection;
    } catch (error) {
      forget();
      throw error;
    }
  }

  return {
    async request(broker, api, args, timeoutMs) {
      const connection = await connectionTo(broker);
      const expiry = setTimeout(() => {
        connection.socket.destroy(
          new Error(`${broker.host}:${broker.port} did not answer in ${timeoutMs} ms`),
        );
      }, timeoutMs);
      try {
        return await api.async(connection, ...args);
      } finally {
        clearTimeout(expiry);
      }
    },
    reset() {
      for (const opening of connections.values()) {
        opening.then(
          (connection) => connection.socket.destroy(),
          () => undefined,
        );
      }
      connections.clear();
    },
  };
}

/** Server names of TLS are names; an address is checked as an address. */
function isName(host: string): boolean {
  return !/^[\d.]+$|:/.test(host);
}
