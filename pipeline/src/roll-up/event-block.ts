import { NO_POOL, type BytePool } from '../byte-pool.js';
import type { CircumstanceFacts } from '../enrich/circumstances.js';
import type { RawRow } from '../land/raw-row.js';
import { columnsOfRow, propertiesOf } from './event-columns.js';
import {
  asJson,
  createDictionary,
  createDictionaryColumn,
  createFixedColumn,
  createNumbers,
  createTextColumn,
  encodeBlock,
  encodeDictionary,
  type Column,
  type FixedColumn,
  type Numbers,
} from './native-columns.js';

/**
 * Rows of ClickHouse's `events` as a block of its Native format. The one way from Postgres's rows to ClickHouse's: batches
 * in memory, batches read back after a restart and rebuilds all go through it, so that all of them give the same values.
 */
export interface EventBlock {
  /**
   * Adds a row and returns its number. Adds nothing when it throws.
   *
   * @param circumstances What follows from the row's surroundings; the same object for the same ones, where that is known.
   * @throws RangeError when the properties are nested beyond what can be written.
   */
  append(batchId: number, row: RawRow, circumstances?: Readonly<CircumstanceFacts>): number;
  /** Gives a row its session, which is not known before the rows in front of it are. */
  setSession(row: number, sessionId: string): void;
  /** The rows as bytes, or these of them, in order. */
  encode(kept?: Uint32Array): Buffer;
  readonly rows: number;
  /** Gives its memory back; it must not be used again. */
  release(): void;
}

export function createEventBlock(pool: BytePool = NO_POOL): EventBlock {
  const sessionId = createFixedColumn(16, pool);
  const batchIds = createFixedColumn(8, pool);
  const projectId = createFixedColumn(4, pool);
  const eventId = createFixedColumn(16, pool);
  const receivedAt = createFixedColumn(8, pool);
  const timestamp = createFixedColumn(8, pool);
  const type = createDictionaryColumn(pool);
  const event = createDictionaryColumn(pool);
  const messageId = createTextColumn(pool);
  const anonymousId = createTextColumn(pool);
  const userId = createTextColumn(pool);
  const actorId = createTextColumn(pool);
  const groupId = createTextColumn(pool);
  const isBot = createFixedColumn(1, pool);
  const properties = createTextColumn(pool);
  const pageUrl = createTextColumn(pool);
  const pagePath = createTextColumn(pool);
  const pageTitle = createTextColumn(pool);
  const referrer = createTextColumn(pool);
  const circumstances = createCircumstances(pool);
  const locale = createDictionaryColumn(pool);
  const library = createDictionaryColumn(pool);
  const hasNoRevenue = createFixedColumn(1, pool);
  const revenue = createFixedColumn(8, pool);
  const currency = createDictionaryColumn(pool);
  let rows = 0;

  const columns: readonly [name: EventColumn, type: string, column: Column][] = [
    ['session_id', 'UUID', sessionId],
    ['batch_id', 'UInt64', batchIds],
    ['project_id', 'UInt32', projectId],
    ['event_id', 'UUID', eventId],
    ['received_at', TIME, receivedAt],
    ['timestamp', TIME, timestamp],
    ['type', FEW_TEXTS, type],
    ['event', FEW_TEXTS, event],
    ['message_id', 'String', messageId],
    ['anonymous_id', 'String', anonymousId],
    ['user_id', 'String', userId],
    ['actor_id', 'String', actorId],
    ['group_id', 'String', groupId],
    ['is_bot', 'Bool', isBot],
    ['properties', JSON_TYPE, asJson(properties)],
    ['page_url', 'String', pageUrl],
    ['page_path', 'String', pagePath],
    ['page_title', 'String', pageTitle],
    ['referrer', 'String', referrer],
    ...CIRCUMSTANCES.map(([name, fact]): [EventColumn, string, Column] => [
      name,
      FEW_TEXTS,
      circumstances.columnOf(fact),
    ]),
    ['locale', FEW_TEXTS, locale],
    ['library', FEW_TEXTS, library],
    ['revenue', 'Nullable(Decimal(18, 4))', joined(hasNoRevenue, revenue)],
    ['currency', FEW_TEXTS, currency],
  ];

  function writeSession(at: number, id: string | null): void {
    if (id === null) for (let i = 0; i < 16; i += 8) sessionId.view.setFloat64(at + i, 0);
    else writeUuid(sessionId, at, id);
  }

  return {
    append(batchId, row, facts = row.enrichment) {
      const json = propertiesOf(row);
      const found = columnsOfRow(row);
      const own = row.enrichment;
      writeSession(sessionId.grow(), row.sessionId);
      writeInt64(batchIds, batchId);
      const at = projectId.grow();
      projectId.view.setUint32(at, row.projectId, true);
      writeUuid(eventId, eventId.grow(), row.eventId);
      writeInt64(receivedAt, row.receivedAtMs);
      writeInt64(timestamp, row.timestampMs);
      type.append(row.type);
      event.append(row.event);
      messageId.append(row.messageId);
      anonymousId.append(row.anonymousId ?? '');
      userId.append(row.userId ?? '');
      actorId.append(row.userId ?? row.anonymousId ?? '');
      groupId.append(found.groupId);
      writeByte(isBot, facts.bot === true ? 1 : 0);
      properties.append(json);
      pageUrl.append(found.pageUrl);
      pagePath.append(found.pagePath);
      pageTitle.append(found.pageTitle);
      referrer.append(facts.referrer ?? '');
      circumstances.append(facts);
      locale.append(found.locale);
      library.append(found.library);
      writeByte(hasNoRevenue, own.revenue === undefined ? 1 : 0);
      writeInt64(revenue, own.revenue === undefined ? 0 : scaled(own.revenue));
      currency.append(own.currency ?? '');
      return rows++;
    },
    setSession: (row, id) => writeSession(row * 16, id),
    encode: (kept) => encodeBlock(columns, rows, kept),
    get rows() {
      return rows;
    },
    release() {
      for (const [, , column] of columns) column.release();
      circumstances.release();
    },
  };
}

/** All of them, as one block. */
export function encodeEvents(rows: Iterable<{ batchId: number; row: RawRow }>): Buffer {
  const block = createEventBlock();
  for (const { batchId, row } of rows) block.append(batchId, row);
  return block.encode();
}

/** Nothing but the properties of these rows, as they are in a block of events. */
export function encodePropertiesOnly(rows: readonly RawRow[]): Buffer {
  const properties = createTextColumn(NO_POOL);
  for (const row of rows) properties.append(propertiesOf(row));
  return encodeBlock([['properties', JSON_TYPE, asJson(properties)]], rows.length);
}

const TIME = `DateTime64(3, 'UTC')`;
const FEW_TEXTS = 'LowCardinality(String)';
/** The type of the table's column. A String would be converted, and by other rules: dots in keys would not stay apart. */
const JSON_TYPE = 'JSON(max_dynamic_paths=32)';

type Fact = Exclude<keyof CircumstanceFacts, 'bot'>;

const CIRCUMSTANCES = [
  ['referrer_domain', 'referrerDomain'],
  ['channel', 'channel'],
  ['utm_source', 'utmSource'],
  ['utm_medium', 'utmMedium'],
  ['utm_campaign', 'utmCampaign'],
  ['utm_term', 'utmTerm'],
  ['utm_content', 'utmContent'],
  ['browser', 'browser'],
  ['browser_version', 'browserVersion'],
  ['os', 'os'],
  ['os_version', 'osVersion'],
  ['device_type', 'device'],
  ['country', 'country'],
  ['region', 'region'],
  ['city', 'city'],
] as const satisfies readonly [string, Fact][];

const BEFORE_CIRCUMSTANCES = [
  'session_id',
  'batch_id',
  'project_id',
  'event_id',
  'received_at',
  'timestamp',
  'type',
  'event',
  'message_id',
  'anonymous_id',
  'user_id',
  'actor_id',
  'group_id',
  'is_bot',
  'properties',
  'page_url',
  'page_path',
  'page_title',
  'referrer',
] as const;
const AFTER_CIRCUMSTANCES = ['locale', 'library', 'revenue', 'currency'] as const;

type EventColumn =
  | (typeof BEFORE_CIRCUMSTANCES)[number]
  | (typeof CIRCUMSTANCES)[number][0]
  | (typeof AFTER_CIRCUMSTANCES)[number];

/** Columns of ClickHouse's `events`, in the order of a block. */
export const EVENT_COLUMNS: readonly EventColumn[] = [
  ...BEFORE_CIRCUMSTANCES,
  ...CIRCUMSTANCES.map(([name]) => name),
  ...AFTER_CIRCUMSTANCES,
];

/** Rows share their circumstances: a row has one number for all columns of them, and each column is made from few texts. */
function createCircumstances(pool: BytePool): {
  append(facts: Readonly<CircumstanceFacts>): void;
  columnOf(fact: Fact): Column;
  release(): void;
} {
  const seen = new Map<Readonly<CircumstanceFacts>, number>();
  const numbers: Numbers = createNumbers(pool);
  let last: Readonly<CircumstanceFacts> | undefined;
  let lastNumber = 0;
  return {
    append(facts) {
      if (facts !== last) {
        last = facts;
        const known = seen.get(facts);
        lastNumber = known ?? seen.size;
        if (known === undefined) seen.set(facts, lastNumber);
      }
      numbers.append(lastNumber);
    },
    columnOf: (fact) => ({
      encode(kept) {
        const dictionary = createDictionary();
        const textOf = Uint32Array.from(seen.keys(), (facts) => dictionary.numberOf(facts[fact] ?? ''));
        const texts = dictionary.texts();
        const of = numbers.chosen(kept);
        const chosen = new Uint32Array(of.length);
        // One text is number 0 everywhere.
        if (texts.length > 1) for (let row = 0; row < of.length; row++) chosen[row] = textOf[of[row]!]!;
        return encodeDictionary(texts, chosen);
      },
      release: () => undefined,
    }),
    release: () => numbers.release(),
  };
}

function joined(...columns: readonly Column[]): Column {
  return {
    encode: (kept) => columns.flatMap((column) => column.encode(kept)),
    release: () => columns.forEach((column) => column.release()),
  };
}

function writeByte(column: FixedColumn, value: number): void {
  const at = column.grow();
  column.view.setUint8(at, value);
}

function writeInt64(column: FixedColumn, value: number): void {
  const at = column.grow();
  column.view.setUint32(at, value >>> 0, true);
  column.view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Ten-thousandths of a decimal of at most four digits after the point and eleven before it: exact in a double. */
function scaled(decimal: string): number {
  return Math.round(Number(decimal) * 10_000);
}

const NIBBLES = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  NIBBLES[value.toString(16).charCodeAt(0)] = value;
  NIBBLES[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/** Where each byte of a UUID's text begins. */
const UUID_BYTES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** As two little-endian numbers of 64 bits, the first half first. */
function writeUuid({ bytes }: FixedColumn, at: number, text: string): void {
  for (let i = 0; i < 16; i++) {
    const from = UUID_BYTES[i]!;
    const byte = (NIBBLES[text.charCodeAt(from)]! << 4) | NIBBLES[text.charCodeAt(from + 1)]!;
    bytes[at + (i < 8 ? 7 - i : 23 - i)] = byte;
  }
}
