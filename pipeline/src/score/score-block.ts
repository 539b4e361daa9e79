import {
  createScorer,
  emptyHistory,
  createSnapshot,
  type ChurnModel,
  type Snapshot,
} from '@sluice/models/churn';
import { HISTORY_ROW_BYTES } from './history-rows.js';
import { putInOrder } from './in-order.js';

/** Columns of `churn_scores`, in the order of what `encodeScores` writes. */
export const SCORE_COLUMNS = [
  'project_id',
  'run_id',
  'actor_hash',
  ...['churn', 'active', 'value', 'reasons'].flatMap((what) => [7, 30, 90].map((days) => `${what}_${days}`)),
  'last_active',
  'age_days',
];

const MAX_ROW_BYTES = 512;

export interface ScoredPeople {
  /** Rows in ClickHouse's RowBinary format. */
  rows: Buffer;
  people: number;
}

/** Scores everyone in rows of histories. */
export function encodeScores(
  histories: Uint8Array,
  model: ChurnModel,
  of: { projectId: number; runId: number; knownThrough: number },
): ScoredPeople {
  const scorer = createScorer(model);
  const score = scorer.createScore();
  const history = emptyHistory();
  const probabilities = new Float64Array(score.horizons.length);
  const moved = new Float64Array(score.horizons.length);
  const people = histories.length / HISTORY_ROW_BYTES;
  const view = new DataView(histories.buffer, histories.byteOffset, histories.byteLength);
  let rows = Buffer.allocUnsafe(Math.max(MAX_ROW_BYTES, people * 256));
  let at = 0;
  for (let row = 0; row < people; row += 1) {
    if (at + MAX_ROW_BYTES > rows.length) rows = Buffer.concat([rows], rows.length * 2);
    const start = row * HISTORY_ROW_BYTES;
    readRow(view, start, history);
    scorer.score(history, score);
    at = rows.writeUInt32LE(of.projectId, at);
    at = rows.writeBigUInt64LE(BigInt(of.runId), at);
    at = rows.writeBigUInt64LE(view.getBigUint64(start, true), at);
    for (const [index, horizon] of score.horizons.entries()) {
      probabilities[index] = horizon.probabilityInactive;
    }
    putInOrder(probabilities);
    for (const probability of probabilities) at = rows.writeFloatLE(probability, at);
    // What is expected is as much nearer or further as the chance to be active at all was moved.
    for (const [index, horizon] of score.horizons.entries()) {
      const active = 1 - horizon.probabilityInactive;
      moved[index] = active > 0 ? (1 - probabilities[index]!) / active : 1;
    }
    for (const [index, horizon] of score.horizons.entries()) {
      at = rows.writeFloatLE(horizon.expectedTransactions * moved[index]!, at);
    }
    for (const [index, horizon] of score.horizons.entries()) {
      at = rows.writeFloatLE(horizon.expectedValue * moved[index]!, at);
    }
    for (const { reasons } of score.horizons) {
      at = rows.writeUInt8(reasons.length, at);
      for (const { feature, contribution } of reasons) {
        at = rows.writeUInt8(feature.length, at);
        at += rows.write(feature, at, 'latin1');
        at = rows.writeFloatLE(contribution, at);
      }
    }
    at = rows.writeUInt16LE(of.knownThrough - history.recency, at);
    at = rows.writeUInt16LE(Math.min(history.age, 65_535), at);
  }
  return { rows: rows.subarray(0, at), people };
}

/** Rows of histories as the models take them. A person's key is the upper half of the hash. */
export function snapshotFrom(histories: Uint8Array, cutoffDay: number, followedDays: number): Snapshot {
  const people = histories.length / HISTORY_ROW_BYTES;
  const view = new DataView(histories.buffer, histories.byteOffset, histories.byteLength);
  const builder = createSnapshot(cutoffDay, followedDays, people);
  const history = emptyHistory();
  for (let row = 0; row < people; row += 1) {
    const start = row * HISTORY_ROW_BYTES;
    readRow(view, start, history);
    const nextActiveIn = view.getFloat32(start + 44, true);
    builder.add(view.getUint32(start + 4, true), history, nextActiveIn === 0 ? null : nextActiveIn);
  }
  return builder.build();
}

function readRow(view: DataView, start: number, into: ReturnType<typeof emptyHistory>): void {
  into.age = view.getFloat32(start + 8, true);
  into.recency = view.getFloat32(start + 12, true);
  into.repeats = view.getFloat32(start + 16, true);
  into.active7 = view.getFloat32(start + 20, true);
  into.active30 = view.getFloat32(start + 24, true);
  into.active90 = view.getFloat32(start + 28, true);
  into.events = view.getFloat32(start + 32, true);
  into.value = view.getFloat32(start + 36, true);
  into.valueDays = view.getFloat32(start + 40, true);
}
