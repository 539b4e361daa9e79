import type pg from 'pg';
import type { DeadLetter } from '../decode/decode-record.js';
import { isObject, asObject } from '../decode/json.js';
import { readSequence, type Sequence } from '../enrich/sequence.js';
import type { LogPartition } from './land-batch.js';
import type { PreparedMessage } from './prepare-batch.js';

interface StreamCount {
  project_id: number;
  stream: string;
  device_id: string;
  landed: number;
  refused: number;
  last_seq: number;
  dropped: number;
  last_received_at: number;
}

/** What came of the streams of a range. */
export interface Arrivals {
  landed: readonly PreparedMessage[];
  /** Messages of people who were erased: they were not lost, and nothing else is kept of them. */
  arrived: readonly PreparedMessage[];
  letters: readonly DeadLetter[];
}

/** Counts what came of each stream: from new messages only, so that repeated sends fill no gap. */
export async function writeStreams(
  client: pg.ClientBase,
  of: LogPartition,
  arrivals: Arrivals,
): Promise<void> {
  const counts = countStreams(arrivals);
  if (counts.length === 0) return;
  await client.query({
    name: 'write-streams',
    text: `insert into streams as s (project_id, stream, log_id, "partition", device_id, landed, refused, last_seq, dropped, last_received_at)
           select project_id, stream, $1, $2, device_id, landed, refused, last_seq, dropped, to_timestamp(last_received_at / 1000.0)
           from json_to_recordset($3) as x (project_id int, stream text, device_id text, landed bigint, refused bigint,
             last_seq bigint, dropped bigint, last_received_at bigint)
           on conflict (project_id, stream, log_id, "partition") do update
           set device_id = excluded.device_id,
             landed = s.landed + excluded.landed,
             refused = s.refused + excluded.refused,
             last_seq = greatest(s.last_seq, excluded.last_seq),
             dropped = greatest(s.dropped, excluded.dropped),
             last_received_at = greatest(s.last_received_at, excluded.last_received_at)`,
    values: [of.logId, of.partition, JSON.stringify(counts)],
  });
}

function countStreams({ landed, arrived, letters }: Arrivals): StreamCount[] {
  const counts = new Map<string, StreamCount>();
  const countIn = (
    projectId: number,
    { stream, seq, dropped }: Sequence,
    receivedAtMs: number,
  ): StreamCount => {
    const key = `${projectId}:${stream}`;
    let count = counts.get(key);
    if (count === undefined) {
      count = {
        project_id: projectId,
        stream,
        device_id: '',
        landed: 0,
        refused: 0,
        last_seq: 0,
        dropped: 0,
        last_received_at: 0,
      };
      counts.set(key, count);
    }
    count.last_seq = Math.max(count.last_seq, seq);
    count.dropped = Math.max(count.dropped, dropped);
    count.last_received_at = Math.max(count.last_received_at, receivedAtMs);
    return count;
  };
  for (const { projectId, sequence, deviceId, receivedAtMs } of landed) {
    if (sequence === undefined) continue;
    const count = countIn(projectId, sequence, receivedAtMs);
    count.device_id = deviceId;
    count.landed++;
  }
  for (const { projectId, sequence, receivedAtMs } of arrived) {
    if (sequence !== undefined) countIn(projectId, sequence, receivedAtMs).landed++;
  }
  for (const { projectId, bytes, receivedAtMs } of letters) {
    const sequence = projectId === null ? undefined : sequenceIn(bytes);
    if (sequence !== undefined) countIn(projectId!, sequence, receivedAtMs ?? 0).refused++;
  }
  return [...counts.values()];
}

/** Of a message that was refused: anything may be there. */
function sequenceIn(bytes: Uint8Array): Sequence | undefined {
  try {
    const message: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isObject(message) ? readSequence(asObject(message.context)) : undefined;
  } catch {
    return undefined;
  }
}
