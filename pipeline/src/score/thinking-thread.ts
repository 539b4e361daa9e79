/**
 * A thread that thinks: training and scoring take seconds of computing, in which the thread that lands events must not
 * stand still. It keeps what it was told until it ends.
 */
import { trainChurnModel, type ChurnModel, type Snapshot } from '@sluice/models/churn';
import { parentPort } from 'node:worker_threads';
import { encodeScores, snapshotFrom } from './score-block.js';
import type { ThinkingAnswer, ThinkingTask } from './thinker.js';

const port = parentPort;
if (port === null) throw new Error('This runs as a thread.');

let current: Snapshot | undefined;
const past: Snapshot[] = [];
let model: ChurnModel | undefined;

function work(task: ThinkingTask): unknown {
  switch (task.kind) {
    case 'note': {
      const snapshot = snapshotFrom(task.histories, task.cutoffDay, task.followedDays);
      if (task.followedDays === 0) current = snapshot;
      else past.push(snapshot);
      return { people: snapshot.people };
    }
    case 'train': {
      if (current === undefined) throw new Error('There is no snapshot of now.');
      const outcome = trainChurnModel({ current, past, share: task.share, firstDay: task.firstDay });
      current = undefined;
      past.length = 0;
      return outcome;
    }
    case 'load':
      model = task.model;
      return undefined;
    case 'score': {
      if (model === undefined) throw new Error('There is no model.');
      return encodeScores(task.histories, model, task);
    }
  }
}

port.on('message', ({ id, task }: { id: number; task: ThinkingTask }) => {
  let answer: ThinkingAnswer;
  try {
    answer = { id, result: work(task) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  port.postMessage(answer);
});
