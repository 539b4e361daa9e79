import { createReadStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { createInterface } from 'node:readline';
import { instantOf, runOf, type RunIds } from './run-ids.js';
import { createTally, type Tally } from './tally.js';

/** Where accepted ids are noted, one a line. */
export interface IdFile {
  /** Resolves when there is room for more, so that a slow disk slows the sender instead of filling memory. */
  add(ids: readonly string[]): Promise<void>;
  /** Resolves when every id is in the file. */
  close(): Promise<void>;
}

export function createIdFile(path: string): IdFile {
  const stream = createWriteStream(path, { flags: 'w' });
  // Kept from being thrown before close() can report it.
  let failure: unknown;
  stream.on('error', (error) => {
    failure = error;
  });
  /** Pending while the stream has more than it wants to hold; shared by all who wait. */
  let room: Promise<void> | undefined;

  function untilRoom(): Promise<void> {
    room ??= new Promise<void>((resolve) => {
      const go = (): void => {
        stream.off('drain', go);
        stream.off('error', go);
        room = undefined;
        resolve();
      };
      stream.once('drain', go);
      stream.once('error', go);
    });
    return room;
  }

  return {
    async add(ids) {
      if (ids.length === 0) return;
      if (failure !== undefined) throw failure as Error;
      if (!stream.write(`${ids.join('\n')}\n`)) await untilRoom();
    },
    async close() {
      stream.end();
      await finished(stream);
    },
  };
}

/** What `steady --ids` wrote: the numbers of the messages of one run. */
export async function readRun(path: string): Promise<{ ids: RunIds; accepted: Tally; fromMs: number }> {
  const accepted = createTally();
  let ids: RunIds | undefined;
  let fromMs = Number.POSITIVE_INFINITY;
  for await (const messageId of readIdFile(path)) {
    ids ??= runOf(messageId);
    const n = ids?.numberOf(messageId);
    if (n === undefined) throw new Error(`${path}: ${messageId} is not the id of a message of one run.`);
    accepted.add(n);
    fromMs = Math.min(fromMs, instantOf(messageId));
  }
  if (ids === undefined) throw new Error(`${path} holds no ids.`);
  return { ids, accepted, fromMs };
}

async function* readIdFile(path: string): AsyncGenerator<string, void, undefined> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  for await (const line of lines) if (line !== '') yield line;
}
