// `npm start`: installs and builds what is missing, then runs all of Sluice on this machine.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './set-up.mjs';

setUp();
const entry = join(root, 'standalone', 'dist', 'sluice.js');
process.argv = [process.argv[0], entry, 'start', ...process.argv.slice(2)];
await import(pathToFileURL(entry).href);
