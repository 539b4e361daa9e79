// Should a record hold one message, or all of a request's messages of one partition? Appends and consumes the same
// requests of 50 messages of about 600 bytes both ways, alternating, and prints the medians and, last, a JSON object.
//
//   node --conditions=sluice-source --import=tsx event-log/test/bench/record-packing.ts [embedded|kafka] [requests]
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEventLog, type EventLog, type NewRecord } from '../../src/index.js';
import { startKafkaBroker } from '../../src/testing/index.js';

const MESSAGES = 50;
const MESSAGE_BYTES = 600;
const CLIENTS = 16;
const ROUNDS = 5;
const META = JSON.stringify({
  kind: 'messages',
  projectId: 1,
  receivedAtMs: Date.now(),
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36',
  shape: 'batch',
  count: MESSAGES,
});

type Packing = 'one record a message' | 'one record a request';

interface Figures {
  appendedMessagesPerSecond: number;
  appendedRecordsPerSecond: number;
  /** Processor time of the appending thread; of the whole process. */
  appendThreadUsPerMessage: number;
  appendUsPerMessage: number;
  consumedMessagesPerSecond: number;
  consumeUsPerMessage: number;
}

const adapter = process.argv[2] ?? 'embedded';
const requests = Number(process.argv[3] ?? 2_000);

/** Processor time of this thread, microseconds; only Linux tells. */
async function threadUs(): Promise<number> {
  const text = await readFile(`/proc/self/task/${process.pid}/schedstat`, 'utf8').catch(() => '0');
  return Number(text.split(' ')[0]) / 1_000;
}

function processUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function requestOf(packing: Packing, request: number): NewRecord[] {
  const partition = request % 4;
  const record = (bytes: number): NewRecord => ({
    partition,
    key: `1:device-${request}`,
    headers: { 'sluice-1': META },
    value: Buffer.alloc(bytes, 'abcdefghij'),
  });
  return packing === 'one record a request'
    ? [record(MESSAGES * MESSAGE_BYTES)]
    : Array.from({ length: MESSAGES }, () => record(MESSAGE_BYTES));
}

async function measure(log: EventLog, packing: Packing): Promise<Figures> {
  const start = await log.endOffsets();
  const messages = requests * MESSAGES;
  const threadBefore = await threadUs();
  const processBefore = processUs();
  let startedAt = performance.now();
  let next = 0;
  let makingUs = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < requests) {
        const madeAt = performance.now();
        const records = requestOf(packing, next++);
        makingUs += (performance.now() - madeAt) * 1_000;
        await log.append(records);
      }
    }),
  );
  const appendSeconds = (performance.now() - startedAt) / 1_000;
  const threadSpent = (await threadUs()) - threadBefore - makingUs;
  const processSpent = processUs() - processBefore - makingUs;

  const end = await log.endOffsets();
  const records = end.reduce((sum, offset, p) => sum + offset - start[p]!, 0);
  startedAt = performance.now();
  const consumeBefore = processUs();
  let left = records;
  await new Promise<void>((resolve, reject) => {
    void log
      .consume({
        group: `${packing} ${startedAt}`,
        lingerMs: 0,
        startAt: async (partition) => start[partition]!,
        handle: async (batch) => {
          left -= batch.records.length;
          if (left === 0) resolve();
        },
        onError: reject,
      })
      .catch(reject);
  });
  const consumeSeconds = (performance.now() - startedAt) / 1_000;
  const round = (value: number) => Math.round(value * 100) / 100;
  return {
    appendedMessagesPerSecond: Math.round(messages / appendSeconds),
    appendedRecordsPerSecond: Math.round(records / appendSeconds),
    appendThreadUsPerMessage: round(threadSpent / messages),
    appendUsPerMessage: round(processSpent / messages),
    consumedMessagesPerSecond: Math.round(messages / consumeSeconds),
    consumeUsPerMessage: round((processUs() - consumeBefore) / messages),
  };
}

function median(all: readonly Figures[]): Figures {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const names = Object.keys(all[0]!) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, middle(all.map((f) => f[name]))]),
  ) as unknown as Figures;
}

const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
const broker = adapter === 'kafka' ? await startKafkaBroker({ heapMb: 768 }) : undefined;
try {
  const packings: Packing[] = ['one record a message', 'one record a request'];
  const results = new Map<Packing, Figures[]>(packings.map((packing) => [packing, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const packing of round % 2 === 0 ? packings : packings.toReversed()) {
      const url =
        broker === undefined
          ? `embedded:${join(directory, `log-${round}-${packings.indexOf(packing)}`)}`
          : `kafka://${broker.brokers}?topic=bench-${round}-${packings.indexOf(packing)}`;
      const log = await openEventLog(url, { partitions: 4 });
      const figures = await measure(log, packing);
      await log.close();
      // The first round warms up.
      if (round > 0) results.get(packing)!.push(figures);
    }
  }
  const medians = Object.fromEntries(packings.map((packing) => [packing, median(results.get(packing)!)]));
  process.stdout.write(`${JSON.stringify({ adapter, requests, ...medians }, null, 1)}\n`);
  process.stdout.write(`${JSON.stringify({ adapter, requests, ...medians })}\n`);
} finally {
  await broker?.stop();
  await rm(directory, { recursive: true, force: true });
}
