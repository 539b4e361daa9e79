import type { ChurnModel, TrainingOutcome } from '@sluice/models/churn';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ScoredPeople } from './score-block.js';

/** What the thread can be asked for. */
export type ThinkingTask =
  | { kind: 'note'; histories: Uint8Array; cutoffDay: number; followedDays: number }
  | { kind: 'train'; share: number; firstDay: number }
  | { kind: 'load'; model: ChurnModel }
  | { kind: 'score'; histories: Uint8Array; projectId: number; runId: number; knownThrough: number };
export type ThinkingAnswer = { id: number; result: unknown } | { id: number; error: string };

/** Trains and scores on a thread of its own, one task after another. */
export interface Thinker {
  /** Notes histories for the next training: those of now (followed for 0 days), and of the past. */
  note(histories: Buffer, cutoffDay: number, followedDays: number): Promise<{ people: number }>;
  /**
   * Learns from what was noted, and forgets it. `share`: which part of all people was noted; `firstDay`: that of the plan of
   * cutoffs.
   */
  train(share: number, firstDay: number): Promise<TrainingOutcome>;
  /** Scores are told by this model from now on. */
  load(model: ChurnModel): Promise<void>;
  score(
    histories: Buffer,
    of: { projectId: number; runId: number; knownThrough: number },
  ): Promise<ScoredPeople>;
  /** Ends the thread, whatever it is doing: waiting tasks fail. */
  close(): Promise<void>;
}

/** The thread begins with its first task. */
export function startThinker(): Thinker {
  let worker: Worker | undefined;
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let ended: Error | undefined;

  function end(error: Error): void {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  }

  function startThread(): Worker {
    const thread = new Worker(...threadFile());
    thread.on('message', (answer: ThinkingAnswer) => {
      const task = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ('error' in answer) task?.reject(new Error(answer.error));
      else task?.resolve(answer.result);
    });
    thread.on('error', end);
    thread.on('exit', () => end(new Error('The thread has ended.')));
    return thread;
  }

  async function ask<Result>(task: ThinkingTask): Promise<Result> {
    if (ended !== undefined) throw ended;
    worker ??= startThread();
    const id = (lastId += 1);
    const answered = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    worker.postMessage({ id, task }, 'histories' in task ? [task.histories.buffer as ArrayBuffer] : []);
    return (await answered) as Result;
  }

  return {
    note: async (histories, cutoffDay, followedDays) =>
      ask({ kind: 'note', histories: ownBytes(histories), cutoffDay, followedDays }),
    train: async (share, firstDay) => ask({ kind: 'train', share, firstDay }),
    load: async (model) => ask({ kind: 'load', model }),
    async score(histories, of) {
      const { rows, people } = await ask<ScoredPeople>({
        kind: 'score',
        histories: ownBytes(histories),
        ...of,
      });
      return { rows: Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength), people };
    },
    async close() {
      end(new Error('The thread was ended.'));
      await worker?.terminate();
    },
  };
}

/** Bytes in a buffer that nothing else lies in, so that it can be handed over. */
function ownBytes(bytes: Buffer): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}

/** The thread's file: beside this one in the sources, where a loader of TypeScript must be put first, and beside what is built. */
function threadFile(): ConstructorParameters<typeof Worker> {
  const source = new URL('./thinking-thread.ts', import.meta.url);
  if (existsSync(source)) {
    const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${source.href}'); })`;
    return [load, { eval: true, execArgv: ['--conditions', 'sluice-source'] }];
  }
  const built = ['./thinking-thread.js', './score/thinking-thread.js']
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url));
  if (built === undefined) throw new Error('The file of the thinking thread is missing.');
  return [built];
}
