import { once } from 'node:events';
import { openFileOutbox } from '../file-outbox.js';

/**
 * A process of its own that appends to a spool without end and prints the number of each message once it is stored; those
 * with an odd number get their verdict before that. To be killed. Arguments: the directory, the first number.
 */
const [dir = '', first = '0'] = process.argv.slice(2);
const outbox = openFileOutbox({
  dir,
  maxMessages: 1e6,
  maxBytes: 1e9,
  maxAgeMs: Infinity,
  segmentBytes: 64 * 1024,
  onDrop: () => undefined,
});
for (let n = Number(first); ; n++) {
  const json = JSON.stringify({ messageId: `m${n}`, text: 'x'.repeat(200 + (n % 700)) });
  outbox.append({ messageId: `m${n}`, json, bytes: Buffer.byteLength(json), storedAtMs: Date.now() });
  if (n % 2 === 1) await outbox.remove([`m${n}`]);
  // Whoever reads sets the pace.
  if (!process.stdout.write(`${n}\n`)) await once(process.stdout, 'drain');
  if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
