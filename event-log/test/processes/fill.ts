// Appends to the log named by the first argument until an append is rejected, and once more, and prints how many were
// resolved and what the rejections were. It is started with a limit on the size of files, in place of a full disk.
import { openEventLog } from '../../src/index.js';

// The limit is announced by a signal, whose default is to end the process.
process.on('SIGXFSZ', () => undefined);

const log = await openEventLog(process.argv[2]!);
const record = { partition: 0, key: 'k', headers: {}, value: Buffer.alloc(50_000, 'x') };
let resolved = 0;
const rejections: string[] = [];
while (rejections.length < 2) {
  try {
    await log.append([record]);
    resolved++;
  } catch (error) {
    rejections.push((error as Error).name);
  }
}
// What nobody handles would have ended the process by now.
await new Promise((resolve) => setImmediate(resolve));
const [endOffset] = await log.endOffsets();
process.stdout.write(`${JSON.stringify({ resolved, rejections, endOffset })}\n`);
await log.close();
