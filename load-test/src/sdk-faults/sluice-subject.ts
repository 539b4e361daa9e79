import { fileURLToPath } from 'node:url';
import type { Target } from '../target/target.js';
import { forwardTo } from './fault-proxy.js';
import { SLUICE } from './row.js';
import type { Subject } from './subject.js';

/** Our SDK as an application installs it, sending to a running Sluice. */
export function createSluiceSubject(target: Target): Subject {
  return {
    name: SLUICE,
    pageModule: `
import { init } from '@sluice/sdk';
let sluice;
export const start = ({ url, writeKey }) => {
  sluice = init({ host: url, writeKey });
};
export const track = (event, properties) => sluice.track(event, properties);
export const flush = async () => (await sluice.flush()).waiting;
`,
    resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    writeKey: target.writeKey,
    startUpstream: () => forwardTo(target.gatewayUrl),
  };
}
