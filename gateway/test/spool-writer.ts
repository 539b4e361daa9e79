import { openSpool } from '../src/spool/spool.js';

/**
 * A process of its own that appends to a spool without end, several entries at once, and prints the number of each as it
 * is acknowledged; to be killed. Arguments: the directory, the first number.
 */
const [dir = '', first = '0'] = process.argv.slice(2);
const spool = await openSpool({ dir, maxBytes: 1e9, segmentBytes: 64 * 1024 });
let next = Number(first);

async function write(): Promise<void> {
  for (;;) {
    const n = next++;
    const value = Buffer.alloc(200 + (n % 700), 'x');
    const record = { partition: 0, key: 'k', headers: {}, value };
    await spool.append({ receivedAtMs: n, messages: 1, records: [record] });
    process.stdout.write(`${n}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write));
