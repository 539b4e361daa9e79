import { openEmbeddedLog } from './embedded/embedded-log.js';
import { openKafkaLog } from './kafka/kafka-log.js';
import type { EventLog } from './port.js';

export interface OpenEventLogOptions {
  /** Number of partitions of a log that is created. A log that exists must have this number. Default 2, Kafka 12. */
  partitions?: number;
  /** Names this process in the broker's tools. Kafka only. */
  clientId?: string;
  /** What the records may take on disk, bytes. Embedded only. Default 4 GiB. */
  maxBytes?: number;
  /** Released records older than this are dropped, milliseconds. Embedded only. Default one day. */
  maxAgeMs?: number;
  /** How long an append may take before it is rejected, milliseconds. Kafka only. Default 5,000. */
  deliveryTimeoutMs?: number;
  /** Opens a log that must exist, to look into it. */
  readOnly?: boolean;
}

/**
 * Opens the event log that a URL names: `embedded:DIRECTORY` (relative to the working directory), or
 * `kafka://[user:password@]host:port[,host:port…][?topic=…&partitions=…&replication=…&tls=1&sasl=…&ca=FILE]`
 * (see `parseKafkaUrl` for all parameters).
 */
export async function openEventLog(url: string, options: OpenEventLogOptions = {}): Promise<EventLog> {
  if (url.startsWith('embedded:')) {
    const directory = url.slice('embedded:'.length).replace(/^\/\/(?=[^/])/, '');
    if (directory === '') throw new TypeError('an embedded event log needs a directory: embedded:DIRECTORY');
    return openEmbeddedLog(directory, options);
  }
  if (url.startsWith('kafka:')) return openKafkaLog(url, options);
  throw new TypeError('the URL of an event log starts with embedded: or kafka:');
}
