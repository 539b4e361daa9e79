// Consumes the log named by the first argument for the group named by the second, until it is killed, and prints what it
// is assigned and what it reads.
import { writeSync } from 'node:fs';
import { openEventLog } from '../../src/index.js';

const [url, group] = process.argv.slice(2);
const log = await openEventLog(url!);
await log.consume({
  group: group!,
  lingerMs: 0,
  startAt: async () => 0,
  onAssigned: (partitions) => void writeSync(1, `assigned ${partitions.join()}\n`),
  handle: async (batch) => {
    for (const record of batch.records) writeSync(1, `read ${Buffer.from(record.value).toString()}\n`);
  },
});
