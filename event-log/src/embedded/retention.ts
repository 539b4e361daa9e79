/**
 * What an embedded log may forget: only records that were released, the oldest first, when they are older than the age
 * or when room is needed.
 */
import { encodeTail, written, type Head, type LogFiles, type Tail } from './log-files.js';
import { decodePlace, type RecordPlace } from './record-codec.js';

/** Records dropped in one transaction: few enough that an append waits for milliseconds. */
const DROP_CHUNK = 500;

export interface Retention {
  /** Durably says that the records below these offsets may be dropped. */
  release(watermark: ReadonlyMap<number, number>): Promise<void>;
  /** Drops released records that came before this time. */
  dropOlderThan(timeMs: number): Promise<void>;
  /** Drops released records until the log takes at most `bytes`, or nothing may be dropped. Returns `droppedBytes`. */
  dropDownTo(head: Head, bytes: number): Promise<readonly number[]>;
}

export function createRetention(files: LogFiles): Retention {
  async function changeTail(change: (tail: Tail) => Tail | undefined): Promise<Tail> {
    for (;;) {
      const tail = files.readTail();
      const next = change(tail);
      if (next === undefined) return tail;
      if (await putTail(tail, next, () => undefined)) return next;
    }
  }

  function putTail(before: Tail, next: Tail, alsoDo: () => void): Promise<boolean> {
    return written(
      files.state.ifVersion('tail', before.version, () => {
        alsoDo();
        void files.state.put('tail', encodeTail(next), next.version);
      }),
    );
  }

  function placeOf(partition: number, offset: number): RecordPlace | undefined {
    const bytes = files.partitions[partition]!.getBinaryFast(offset);
    return bytes === undefined ? undefined : decodePlace(bytes);
  }

  /** Drops `[start, to)` of a partition in one transaction. False: another process changed the tail first. */
  async function dropRange(tail: Tail, head: Head, partition: number, to: number): Promise<boolean> {
    const droppedBytes = [...tail.droppedBytes];
    droppedBytes[partition] = placeOf(partition, to)?.bytesBefore ?? head.appendedBytes[partition]!;
    const startOffsets = [...tail.startOffsets];
    startOffsets[partition] = to;
    return putTail(tail, { ...tail, version: tail.version + 1, startOffsets, droppedBytes }, () => {
      for (let offset = tail.startOffsets[partition]!; offset < to; offset++) {
        void files.partitions[partition]!.remove(offset);
      }
    });
  }

  return {
    async release(watermark) {
      const { nextOffsets } = files.readHead();
      await changeTail((tail) => {
        const releasedOffsets = tail.releasedOffsets.map((released, p) =>
          Math.max(released, Math.min(watermark.get(p) ?? 0, nextOffsets[p]!)),
        );
        const isNews = releasedOffsets.some((released, p) => released > tail.releasedOffsets[p]!);
        return isNews ? { ...tail, version: tail.version + 1, releasedOffsets } : undefined;
      });
    },

    async dropOlderThan(timeMs) {
      for (let p = 0; p < files.partitionCount; p++) {
        for (;;) {
          const head = files.readHead();
          const tail = files.readTail();
          const start = tail.startOffsets[p]!;
          const most = Math.min(tail.releasedOffsets[p]!, start + DROP_CHUNK);
          const to = firstOffset(start, most, (offset) => (placeOf(p, offset)?.appendedAtMs ?? 0) >= timeMs);
          if (to === start) break;
          await dropRange(tail, head, p, to);
        }
      }
    },

    async dropDownTo(head, bytes) {
      for (;;) {
        const tail = files.readTail();
        const excess =
          head.appendedBytes.reduce((sum, appended, p) => sum + appended - tail.droppedBytes[p]!, 0) - bytes;
        const oldest = excess > 0 ? oldestReleased(tail) : undefined;
        if (oldest === undefined) return tail.droppedBytes;
        const start = tail.startOffsets[oldest]!;
        const most = Math.min(tail.releasedOffsets[oldest]!, start + DROP_CHUNK);
        const dropped = tail.droppedBytes[oldest]!;
        // The first offset before which enough lies; everything up to `most` when there is none.
        const to = firstOffset(start + 1, most, (offset) => {
          const place = placeOf(oldest, offset);
          return place !== undefined && place.bytesBefore - dropped >= excess;
        });
        await dropRange(tail, head, oldest, to);
      }
    },
  };

  function oldestReleased(tail: Tail): number | undefined {
    let oldest: number | undefined;
    let oldestMs = Infinity;
    for (let p = 0; p < files.partitionCount; p++) {
      if (tail.startOffsets[p]! >= tail.releasedOffsets[p]!) continue;
      const appendedAtMs = placeOf(p, tail.startOffsets[p]!)?.appendedAtMs ?? 0;
      if (appendedAtMs < oldestMs) {
        oldest = p;
        oldestMs = appendedAtMs;
      }
    }
    return oldest;
  }
}

/** The first offset in `[from, to)` for which `holds` (which never turns false again), or `to`. */
function firstOffset(from: number, to: number, holds: (offset: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
