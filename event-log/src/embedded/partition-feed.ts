import type { RecordFeed } from '../consume/record-feed.js';
import type { LogRecord } from '../port.js';
import type { HeadWatch } from './head-watch.js';
import type { LogFiles } from './log-files.js';
import { decodeRecord } from './record-codec.js';

/** Records read at once, in one LMDB snapshot: each is copied out of the map once, nothing refers to it afterwards. */
const READ_RECORDS = 256;
const READ_BYTES = 1024 * 1024;

export function openPartitionFeed(
  files: LogFiles,
  watch: HeadWatch,
  partition: number,
  position: number,
): RecordFeed {
  const database = files.partitions[partition]!;
  let atHand: LogRecord[] = [];
  let taken = 0;
  /** The offset after the last record read. */
  let readTo = position;

  function read(): void {
    atHand = [];
    taken = 0;
    let bytes = 0;
    files.root.resetReadTxn();
    for (const { key, value } of database.getRange({ start: readTo, limit: READ_RECORDS })) {
      atHand.push(decodeRecord(key, value));
      readTo = key + 1;
      bytes += value.byteLength;
      if (bytes >= READ_BYTES) break;
    }
  }

  return {
    peek() {
      if (taken === atHand.length && readTo < watch.look().endOffsets[partition]!) read();
      return atHand[taken];
    },
    shift() {
      taken++;
    },
    waitForMore: (ms, signal) =>
      // Nothing can come at hand while `peek` shows a record already; then only time passes.
      watch.waitFor((endOffsets) => endOffsets[partition]! > readTo, ms, signal),
    end() {
      const { endOffsets, seenAtMs } = watch.look();
      return { endOffset: endOffsets[partition]!, seenAtMs };
    },
    close() {
      atHand = [];
    },
  };
}
