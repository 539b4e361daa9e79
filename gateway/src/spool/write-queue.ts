import type { Segment } from './segment.js';

/** The spool cannot take an entry: it is full, closed, or its disk does not write. */
export class SpoolUnavailableError extends Error {
  override name = 'SpoolUnavailableError';
}

interface WaitingFrame {
  frame: Buffer;
  messages: number;
  receivedAtMs: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

export interface WriteQueue {
  /** Resolves once the frame is on disk, synced. */
  write(frame: Buffer, facts: { messages: number; receivedAtMs: number }): Promise<void>;
  /** Frames that were not written yet, or are being written. */
  readonly waitingBytes: number;
  /** Resolves once nothing waits. */
  settle(): Promise<void>;
}

/** Bytes of one group at most; a single larger frame still goes, alone. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024;

/**
 * Group commit: while one group is being synced, frames gather; the next sync takes them all. A group that could not be
 * written leaves nothing behind, so that no later frame stands after a broken one.
 */
export function createWriteQueue(options: {
  /** The segment to append to: the open one, or a new one. */
  segmentFor: () => Promise<Segment>;
  /** Told of a segment that can no longer be appended to. */
  onBroken: (segment: Segment) => void;
}): WriteQueue {
  let waiting: WaitingFrame[] = [];
  let waitingBytes = 0;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeGroup();
      try {
        await writeGroup(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        const reason = new SpoolUnavailableError('the spool could not be written', { cause: error });
        for (const { reject } of group) reject(reason);
      } finally {
        waitingBytes -= sizeOf(group);
      }
    }
    running = undefined;
  }

  function takeGroup(): WaitingFrame[] {
    let bytes = 0;
    let count = 0;
    for (; count < waiting.length; count++) {
      bytes += waiting[count]!.frame.length;
      if (count > 0 && bytes > MAX_GROUP_BYTES) break;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return group;
  }

  async function writeGroup(group: readonly WaitingFrame[]): Promise<void> {
    const segment = await options.segmentFor();
    const start = segment.bytes;
    const bytes = sizeOf(group);
    try {
      let at = start;
      for (const { frame } of group) {
        let done = 0;
        while (done < frame.length) {
          const { bytesWritten } = await segment.file.write(frame, done, frame.length - done, at + done);
          done += bytesWritten;
        }
        at += frame.length;
      }
      await segment.file.datasync();
    } catch (error) {
      options.onBroken(segment);
      await segment.file.truncate(start);
      throw error;
    }
    segment.bytes = start + bytes;
    for (const { messages, receivedAtMs } of group) {
      segment.messages += messages;
      segment.oldestReceiptMs ??= receivedAtMs;
    }
  }

  return {
    write(frame, facts) {
      return new Promise((resolve, reject) => {
        waiting.push({ frame, ...facts, resolve, reject });
        waitingBytes += frame.length;
        running ??= run();
      });
    },
    get waitingBytes() {
      return waitingBytes;
    },
    async settle() {
      await running;
    },
  };
}

function sizeOf(group: readonly WaitingFrame[]): number {
  return group.reduce((sum, { frame }) => sum + frame.length, 0);
}
