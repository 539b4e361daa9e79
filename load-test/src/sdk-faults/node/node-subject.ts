import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Target } from '../../target/target.js';
import { startCollector } from '../collector.js';
import { forwardTo, type Upstream } from '../fault-proxy.js';
import { SLUICE } from '../row.js';
import type { NodePeer } from './node-peers.js';

/** An SDK under test, as an application has it in its Node process. */
export interface NodeSubject {
  name: string;
  /**
   * An ES module. It exports `start({ url, host, port, writeKey, spoolDir })`, which returns `{ track(event, properties),
   * close() }`; `close` is the SDK's own way to end, or does nothing where it has none.
   */
  module: string;
  /** Folder from which the module's imports are found; undefined when it names files. */
  resolveDir: string | undefined;
  /** Whether events are kept on disk: then the process is started once more after the fault, as an application is. */
  isDurable: boolean;
  writeKey: string;
  /** The server this SDK sends to. */
  startUpstream(): Upstream;
}

export const SLUICE_WITHOUT_SPOOL = 'sluice-memory';

/** Our SDK with its spool, and without. */
export function createSluiceNodeSubjects(target: Target): NodeSubject[] {
  const module = (spool: string): string => `
import { init } from ${JSON.stringify(nodeEntry())};
export const start = ({ url, writeKey, spoolDir }) => {
  const analytics = init({ host: url, writeKey, ${spool} });
  return {
    track: (event, properties) => analytics.track(event, properties, { userId: 'lab' }),
    close: () => analytics.shutdown(),
  };
};
`;
  const common = {
    resolveDir: undefined,
    writeKey: target.writeKey,
    startUpstream: () => forwardTo(target.gatewayUrl),
  };
  return [
    { ...common, name: SLUICE, module: module('spoolDir'), isDurable: true },
    { ...common, name: SLUICE_WITHOUT_SPOOL, module: module(''), isDurable: false },
  ];
}

/** The built SDK, whether this code runs built or from its sources: it is loaded by a plain Node process. */
function nodeEntry(): string {
  const entry = createRequire(import.meta.url).resolve('@sluice/sdk/node');
  return pathToFileURL(entry.replace(/\/(?:src|dist)\/.*$/, '/dist/node.js')).href;
}

export function nodePeerSubject(peer: NodePeer, dir: string): NodeSubject {
  return {
    name: peer.name,
    module: peer.module,
    resolveDir: dir,
    isDurable: false,
    writeKey: 'lab',
    startUpstream: startCollector,
  };
}
