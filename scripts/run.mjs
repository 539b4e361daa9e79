// `node scripts/run.mjs NAME [ARGUMENT …]`: runs one of the project's commands, after whatever set-up it needs.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, root, setUp } from './set-up.mjs';

const COMMANDS = {
  sluice: 'standalone/dist/sluice.js',
  generate: 'load-test/dist/generate.js',
  steady: 'load-test/dist/steady.js',
  'verify-delivery': 'load-test/dist/verify-delivery.js',
  'verify-clients': 'load-test/dist/verify-clients.js',
  'verify-faults': 'load-test/dist/verify-faults.js',
  'verify-sdk-faults': 'load-test/dist/verify-sdk-faults.js',
  'verify-queries': 'load-test/dist/verify-queries.js',
  'verify-erase': 'load-test/dist/verify-erase.js',
  'verify-isolation': 'load-test/dist/verify-isolation.js',
  'verify-anomalies': 'load-test/dist/verify-anomalies.js',
  'verify-docs': 'load-test/dist/verify-docs.js',
  'docs-reference': 'load-test/dist/docs-reference.js',
  'verify-services': 'load-test/dist/verify-services.js',
  'verify-monitoring': 'load-test/dist/verify-monitoring.js',
  'monitoring-generate': 'monitoring/dist/generate.js',
  bench: 'load-test/dist/bench.js',
};

const [name = '', ...args] = process.argv.slice(2);
const file = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (file === undefined)
  fail(`Unknown command ${JSON.stringify(name)}; there are: ${Object.keys(COMMANDS).join(', ')}.`);
setUp();
const entry = join(root, file);
process.argv = [process.argv[0], entry, ...args];
await import(pathToFileURL(entry).href);
