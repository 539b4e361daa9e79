import { createHash } from 'node:crypto';
import type { Erasure } from './erasures.js';
import type { Found } from './look-again.js';

/** What remains of an erased person, and for how long. */
export interface Remainder {
  what: string;
  until: string;
}

/** What can be shown to whoever asked for the erasure. Nobody is named in it. */
export interface ErasureReceipt extends Record<string, unknown> {
  erasure_id: number;
  project: string;
  /** HMAC-SHA-256 of the id that was asked for, under the project's key. */
  person: string;
  /** How many ids the person was known by. */
  ids: number;
  requested_by: string;
  requested_at: string;
  erased_at: string;
  /** Store and step -> what was deleted or changed. */
  erased: Record<string, Record<string, number>>;
  /** Rows of each table that name the person after it all. */
  found_again: { postgres: Found; clickhouse: Found };
  remaining: number;
  remains: Remainder[];
  /** SHA-256 of the receipt without this field, as JSON without spaces, keys of every object in the order of their letters. */
  digest: string;
}

export function makeReceipt(
  erasure: Erasure,
  facts: {
    project: string;
    ids: number;
    erasedAt: Date;
    found: ErasureReceipt['found_again'];
    spooledMessages: number;
  },
): ErasureReceipt {
  const receipt = {
    erasure_id: erasure.erasureId,
    project: facts.project,
    person: `hmac-sha256:${erasure.personHash.toString('hex')}`,
    ids: facts.ids,
    requested_by: erasure.requestedBy,
    requested_at: erasure.requestedAt.toISOString(),
    erased_at: facts.erasedAt.toISOString(),
    erased: erasure.steps,
    found_again: facts.found,
    remaining: sumOf(facts.found.postgres) + sumOf(facts.found.clickhouse),
    remains: remainders(facts.spooledMessages),
  };
  return { ...receipt, digest: digestOf(receipt) };
}

/** Whether a receipt is as it was made. */
export function isGenuine(receipt: ErasureReceipt): boolean {
  const { digest, ...rest } = receipt;
  return digestOf(rest) === digest;
}

function digestOf(receipt: object): string {
  return `sha256:${createHash('sha256')
    .update(JSON.stringify(inOrder(receipt)))
    .digest('hex')}`;
}

/** Postgres and tools keep the keys of objects in orders of their own. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, inOrder(item)]),
  );
}

export function sumOf(found: Found): number {
  return Object.values(found).reduce((sum, rows) => sum + rows, 0);
}

function remainders(spooledMessages: number): Remainder[] {
  return [
    {
      what: 'Records of the event log, which is written once and not changed. What is read from it again is left out.',
      until: "the log's own retention drops them: Kafka's of the topic, the embedded log's age or size",
    },
    {
      what: `What gateways hold on disk while the log is down (${spooledMessages} messages of all people now). It is left out when it lands.`,
      until: 'the log takes it',
    },
    {
      what: 'Hashes of the ids under a key of this project, and ids of the messages, without content: they keep what is sent again from coming back.',
      until: 'the project is deleted',
    },
    {
      what: 'Sums that name nobody: the ledger (how many messages were erased, by minute of receipt), judged buckets of watches, models of churn.',
      until: 'bucket values and models are replaced by newer ones; the ledger stays',
    },
    {
      what: "Old parts of ClickHouse's files and old versions of Postgres's rows, which no query reads.",
      until: 'ClickHouse removes them (8 minutes by default) and Postgres vacuums',
    },
    { what: 'Backups and copies of your own.', until: 'you delete them, or erase again after restoring one' },
    {
      what: "Texts in which other people's events mention the person: they are those people's.",
      until: 'they expire',
    },
  ];
}
