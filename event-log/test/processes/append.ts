// Appends to the log named by the first argument until it is killed, and prints each text once its append was resolved.
// The second argument is put before the texts.
import { writeSync } from 'node:fs';
import { openEventLog } from '../../src/index.js';

const [url, name = 'text'] = process.argv.slice(2);
const log = await openEventLog(url!);
let next = 0;

async function appendForever(partition: number): Promise<never> {
  for (;;) {
    const text = `${name}:${next++}`;
    await log.append([{ partition, key: text, headers: {}, value: Buffer.from(text) }]);
    writeSync(1, `${text}\n`);
  }
}

await Promise.all(Array.from({ length: log.partitionCount }, (_, partition) => appendForever(partition)));
