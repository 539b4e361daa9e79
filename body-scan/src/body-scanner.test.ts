import {
  deviceKeyOf,
  findElements,
  MESSAGE_TYPES,
  messageIdOf,
  messageSchema,
  parseTimestamp,
} from '@sluice/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBodyScanner, type ScannedBody } from './body-scanner.js';

const scanner = createBodyScanner();

const track = { type: 'track', event: 'Signed Up', userId: 'u1', properties: { plan: 'pro' } };

type Json = Readonly<Record<string, unknown>>;

function scanBatch(body: unknown): ScannedBody | undefined {
  return scanText(JSON.stringify(body));
}

function scanText(text: string): ScannedBody | undefined {
  return scanner.scan(Buffer.from(text), 'batch', undefined);
}

function scanOne(message: unknown): ScannedBody | undefined {
  return scanner.scan(Buffer.from(JSON.stringify(message)), 'single', undefined);
}

/** The texts of messages that are good, nearly good, or hostile. */
const anyValue = fc.oneof(
  { weight: 3, arbitrary: fc.json({ maxDepth: 4 }) },
  fc.constantFrom(
    'null',
    '""',
    '"x"',
    '0',
    '-0',
    '-12',
    '007',
    '1.50',
    '1.',
    '1e5',
    '123456789012345',
    '1234567890123456',
    '9007199254740993',
    'tru',
    'true',
    '[]',
    '{}',
    '{"__proto__":1}',
    '{"a":{"__proto__":{}}}',
    '{"\\u005f_proto__":1}',
    '"\\u0000"',
    '"\\ud83d\\ude00"',
    '"\\ud83d"',
    '"\\udc00x"',
    '"\\u00e9"',
    '"\\q"',
    '"a\tb"',
    '"2026-11-22T18:30:07.988Z"',
    '"2026-02-30T18:30:07.988Z"',
    '"2026-11-22T18:30:07.123456+01:30"',
    '"2026-11-22"',
    '"é and 漢字 and 😀"',
  ),
  fc.nat(40).map((depth) => '['.repeat(depth) + ']'.repeat(depth) || '0'),
  fc.nat(1_100).map((length) => `"${'n'.repeat(length)}"`),
);
const mostly = (good: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(good) }, anyValue);

const anyMember = fc.oneof(
  fc.tuple(
    fc.constant('"type"'),
    fc.constantFrom(...MESSAGE_TYPES).chain((type) => mostly(`"${type}"`)),
  ),
  fc.tuple(fc.constant('"event"'), mostly('"Signed Up"')),
  fc.tuple(fc.constantFrom('"userId"', '"anonymousId"', '"groupId"', '"previousId"'), mostly('"u1"')),
  fc.tuple(fc.constant('"messageId"'), mostly('"m1"')),
  fc.tuple(
    fc.constantFrom('"timestamp"', '"originalTimestamp"', '"sentAt"'),
    mostly('"2026-11-22T18:30:07.988Z"'),
  ),
  fc.tuple(fc.constantFrom('"name"', '"category"'), mostly('"home"')),
  fc.tuple(
    fc.constantFrom('"properties"', '"traits"', '"context"', '"integrations"'),
    mostly('{"a":[1,{"b":null}]}'),
  ),
  fc.tuple(fc.constantFrom('"writeKey"', '"extra"', '"ty\\u0070e"', '"__proto__"', '"\\""'), anyValue),
);
const space = fc.constantFrom('', '', ' ', '\n\t', '\r\n');
const BASE: readonly [string, string][] = [
  ['"type"', '"track"'],
  ['"event"', '"Signed Up"'],
  ['"userId"', '"u1"'],
];
const anyMessage = fc
  .tuple(fc.array(fc.tuple(anyMember, space, space), { maxLength: 5 }), fc.nat(9))
  .map(([members, kind]) => {
    const parts = members.map(([[key, value], a, b]) => `${a}${key}${b}:${a}${value}${b}`);
    // Mostly a message that would be good without these members.
    if (kind > 0) {
      for (const [key, value] of BASE) {
        if (!members.some(([[name]]) => name === key)) parts.push(`${key}:${value}`);
      }
    }
    return `{${parts.join(',')}}`;
  });
const anyBatch = fc
  .tuple(fc.array(anyMessage, { maxLength: 4 }), space, fc.option(mostly('"2026-11-22T18:30:08.000Z"')))
  .map(
    ([messages, gap, sentAt]) =>
      `${gap}{${sentAt === null ? '' : `"sentAt":${sentAt},`}"batch":[${messages.join(`,${gap}`)}]}${gap}`,
  );

/** What every plain body must be: JSON whose messages the schemas accept, and what the scan says of them. */
function expectTrue(scanned: ScannedBody, text: string): void {
  const body = JSON.parse(text) as { batch: Json[]; sentAt?: string };
  const bytes = Buffer.from(text);
  expect(scanned.count).toBe(body.batch.length);
  expect(scanned.sentAtMs).toEqual(timeOf(body.sentAt));
  if (scanned.sentAt !== undefined) expect(JSON.parse(slice(bytes, scanned.sentAt))).toBe(body.sentAt);
  let lastDevice: string | undefined;
  body.batch.forEach((message, index) => {
    expect(messageSchema.safeParse(message).success).toBe(true);
    expect(JSON.parse(slice(bytes, scanned.range(index)))).toEqual(message);
    expect(scanned.hasType(index)).toBe(true);
    expect(scanned.hasMessageId(index)).toBe(messageIdOf(message) !== undefined);
    const device = deviceKeyOf(message);
    expect(scanned.device(index)).toBe(device);
    expect(scanned.isSameDevice(index)).toBe(device === lastDevice);
    lastDevice = device;
    expect(scanned.event(index)).toBe(message['type'] === 'track' ? message['event'] : undefined);
    const properties = scanned.properties(index);
    expect(properties === undefined ? null : JSON.parse(slice(bytes, properties))).toEqual(
      message['properties'] ?? null,
    );
    expect(scanned.timestampMs(index)).toEqual(timeOf(message['timestamp']));
    expect(scanned.originalTimestampMs(index)).toEqual(timeOf(message['originalTimestamp']));
    expect(scanned.messageSentAtMs(index)).toEqual(timeOf(message['sentAt']));
  });
}

function timeOf(value: unknown): number {
  return typeof value === 'string' ? parseTimestamp(value) : NaN;
}

function slice(bytes: Buffer, { start, end }: { start: number; end: number }): string {
  return bytes.toString('utf8', start, end);
}

describe('scanning a body', () => {
  it('finds plain only what the schemas accept, and tells of it what they would read', () => {
    let plain = 0;
    fc.assert(
      fc.property(anyBatch, (text) => {
        const scanned = scanText(text);
        if (scanned === undefined) return;
        plain++;
        expectTrue(scanned, text);
      }),
      { numRuns: 5_000 },
    );
    expect(plain).toBeGreaterThan(50);
  });

  it('finds no body plain that a change of one byte made faulty', () => {
    const good = Buffer.from(
      JSON.stringify({
        batch: [
          {
            ...track,
            messageId: 'm1',
            timestamp: '2026-11-22T18:30:07.988Z',
            context: { a: [1.5, -2, true, null] },
          },
          { type: 'group', groupId: 7, traits: { 'n\n': 'é' } },
        ],
        sentAt: '2026-11-22T18:30:08.000Z',
      }),
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.constantFrom(0, 1, 2), (at, byte, kind) => {
        const changed = Buffer.concat([
          good.subarray(0, at),
          kind === 0 ? Buffer.alloc(0) : Buffer.from([byte]),
          good.subarray(kind === 2 ? at : at + 1),
        ]);
        const scanned = scanner.scan(changed, 'batch', undefined);
        if (scanned !== undefined) expectTrue(scanned, changed.toString());
      }),
      { numRuns: 20_000 },
    );
  });

  it('finds no body plain that ends early, whatever was scanned before it', () => {
    const text = JSON.stringify({ batch: [track, track], sentAt: '2026-11-22T18:30:08.000Z' });
    for (let length = 0; length < text.length; length++) {
      expect(scanText(text)).toBeDefined();
      expect(scanText(text.slice(0, length))).toBeUndefined();
    }
  });

  it.each([
    [
      'analytics.js',
      {
        timestamp: '2026-11-22T18:30:07.988Z',
        integrations: { 'Segment.io': true },
        event: 'e',
        type: 'track',
        properties: {},
        context: { page: { path: '/' }, campaign: {}, library: { name: 'analytics.js' } },
        messageId: 'ajs-next-1795555908598-01a20f78',
        anonymousId: '7b38f0b5',
        writeKey: 'k',
        userId: null,
        sentAt: '2026-11-22T18:30:07.990Z',
        _metadata: { bundled: ['Segment.io'], unbundled: [], bundledIds: [] },
      },
    ],
    [
      'Python',
      { ...track, timestamp: '2026-11-22T18:30:07.988123+00:00', anonymousId: null, event: 'caf\u00e9' },
    ],
    ['PHP', { ...track, timestamp: '2026-11-22T18:30:07+00:00' }],
    ['a numeric id', { type: 'identify', userId: 4711, traits: null }],
  ])('finds plain what %s sends', (_client, message) => {
    expect(scanOne(message)?.count).toBe(1);
    expect(scanBatch({ batch: [message], sentAt: '2026-11-22T18:30:08.000Z' })?.count).toBe(1);
  });

  it('finds plain the escapes that clients of other languages write', () => {
    const text =
      '{"batch":[{"type":"page","userId":"u","properties":{"title":"caf\\u00e9 \\ud83d\\ude00\\n\\/"}}]}';
    expect(scanText(text)?.count).toBe(1);
  });

  it('reads a time as the schemas do, or leaves it to them', () => {
    const digits = (length: number): fc.Arbitrary<string> =>
      fc.stringMatching(new RegExp(`^\\d{${length}}$`));
    const part = (good: readonly string[], length: number): fc.Arbitrary<string> =>
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...good) }, digits(length));
    const time = fc
      .tuple(
        part(['2026', '2024', '1970', '2000', '1900', '0000'], 4),
        part(['01', '02', '06', '12'], 2),
        part(['01', '28', '29', '30', '31'], 2),
        part(['00', '23'], 2),
        part(['00', '59'], 2),
        part(['00', '60'], 2),
        fc.constantFrom('', '.1', '.123', '.123456789', '.1234567891', ',5', '.'),
        fc.constantFrom('Z', 'z', '+00:00', '-01:30', '+0100', '+24:00', '', '+05'),
      )
      .map(([y, mo, d, h, mi, s, fraction, zone]) => `${y}-${mo}-${d}T${h}:${mi}:${s}${fraction}${zone}`);
    let read = 0;
    fc.assert(
      fc.property(time, (timestamp) => {
        const scanned = scanOne({ ...track, timestamp });
        if (scanned === undefined) return;
        read++;
        expect(scanned.timestampMs(0)).toBe(parseTimestamp(timestamp));
      }),
      { numRuns: 3_000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('takes the type of a single message from the address when the message names none', () => {
    const body = Buffer.from('{"event":"e","userId":"u"}');
    expect(scanner.scan(body, 'single', undefined)).toBeUndefined();
    const scanned = scanner.scan(body, 'single', 'track');
    expect(scanned?.hasType(0)).toBe(false);
    expect(scanned?.event(0)).toBe('e');
    expect(scanner.scan(body, 'single', 'group')).toBeUndefined();
  });

  it('finds the write keys of the body and of its messages', () => {
    expect(scanBatch({ writeKey: 'wk_1', batch: [track] })?.writeKey).toBe('wk_1');
    const scanned = scanBatch({
      batch: [track, { ...track, writeKey: 'wk_2' }, { ...track, writeKey: 'wk_3' }],
    });
    expect(scanned?.writeKey).toBeUndefined();
    expect(scanned?.messageWriteKey).toBe('wk_2');
    expect(scanOne({ ...track, writeKey: 'wk_4' })?.writeKey).toBe('wk_4');
  });

  it.each([
    ['an empty batch', { batch: [] }],
    ['no batch', { messages: [track] }],
    ['a context for all', { batch: [track], context: {} }],
    ['a message that is a list', { batch: [[track]] }],
    ['more messages than a batch may hold', { batch: Array.from({ length: 2_501 }, () => track) }],
    ['bytes beyond what it scans', { batch: [{ ...track, properties: { text: 'x'.repeat(6_000_000) } }] }],
  ])('leaves %s to the slow path', (_what, body) => {
    expect(scanBatch(body)).toBeUndefined();
  });

  it('leaves bytes that are not UTF-8 to the slow path', () => {
    const bytes = Buffer.from(JSON.stringify({ batch: [{ ...track, event: 'cafe' }] }));
    bytes[bytes.indexOf('cafe') + 3] = 0xe9;
    expect(scanner.scan(bytes, 'batch', undefined)).toBeUndefined();
  });
});

describe('finding the elements of a batch', () => {
  it('finds the same places as a reader of parsed bodies', () => {
    let found = 0;
    fc.assert(
      fc.property(anyBatch, (text) => {
        const bytes = Buffer.from(text);
        const elements = scanner.findElements(bytes);
        if (elements === undefined) return;
        found++;
        expect(elements).toEqual(findElements(bytes).elements);
      }),
      { numRuns: 3_000 },
    );
    expect(found).toBeGreaterThan(300);
  });

  it('leaves a body without a batch, or with two, to others', () => {
    expect(scanner.findElements(Buffer.from('{"a":1}'))).toBeUndefined();
    expect(scanner.findElements(Buffer.from('{"batch":[1],"batch":[2]}'))).toBeUndefined();
    expect(scanner.findElements(Buffer.from('[]'))).toBeUndefined();
  });
});
