import type { ComposeService } from './compose-file.js';

/** Where the parts of a composed system are when they run as processes of this machine. */
export interface Place {
  /** `kafka:9092` → `127.0.0.1:34567`: addresses of the Compose network, and where they are here. */
  addresses: ReadonlyMap<string, string>;
  /** Folders of containers, and where they are here. */
  folders: ReadonlyMap<string, string>;
  /** Port to listen on, for a service that has one. */
  port?: number;
}

/**
 * The environment of a service as its Compose file says, with hosts, ports and folders of this machine: so that what runs
 * here is what the file wires.
 */
export function environmentHere(service: ComposeService, place: Place): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(service.environment)) {
    environment[name] = replaceAll(replaceAll(value, place.addresses), place.folders);
  }
  if (place.port !== undefined) {
    environment['HOST'] = '127.0.0.1';
    environment['PORT'] = String(place.port);
  }
  return environment;
}

function replaceAll(text: string, replacements: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [from, to] of replacements) result = result.replaceAll(from, to);
  return result;
}

/** Settings of the Postgres server in its command: `postgres -c name=value …`. */
export function postgresSettingsOf(service: ComposeService): Record<string, string> {
  const settings: Record<string, string> = {};
  service.command.forEach((argument, i) => {
    if (argument !== '-c') return;
    const [name = '', value = ''] = (service.command[i + 1] ?? '').split('=');
    settings[name] = value;
  });
  return settings;
}

/** What a broker's address and folders make of it is this machine's own. */
const PLACED = /^KAFKA_(?:NODE_ID|PROCESS_ROLES|.*LISTENER.*|CONTROLLER_QUORUM_VOTERS|LOG_DIRS|HEAP_OPTS)$/;

/** Settings of the broker in its environment: `KAFKA_LOG_DIRS` is `log.dirs`. */
export function kafkaSettingsOf(service: ComposeService): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(service.environment)) {
    if (!name.startsWith('KAFKA_') || PLACED.test(name)) continue;
    settings[name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.')] = value;
  }
  return settings;
}
