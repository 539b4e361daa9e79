import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fastCheck, NOT_PLAIN, type Surroundings } from './fast-check.js';
import { findContentFault } from './content.js';
import { MESSAGE_LIMITS } from './limits.js';
import { MESSAGE_TYPES, messageSchema } from './schemas.js';
import { explainMessage, validateMessage } from './validate-message.js';

const receivedAtMs = Date.UTC(2026, 10, 22, 12);
const around: Surroundings = {
  receivedAtMs,
  batchSentAtMs: NaN,
  impliedType: undefined,
  checkStrings: true,
};

const track = { type: 'track', event: 'Signed Up', userId: 'u1', properties: {} };

function judge(message: unknown, options: Partial<Parameters<typeof validateMessage>[1]> = {}) {
  return validateMessage(message, { receivedAtMs, ...options });
}

/** JSON that a hostile or careless client may put anywhere. */
const anyJson = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(null, '', 'x', 0, 1.5, true, [], {}, 2 ** 53, 1e300) },
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\0', '\uD800', 'a\uDC00b', '2026-11-22T18:30:07.988Z', 'not a time'),
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
  fc.nat(40).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth) || '0') as unknown),
  fc.constantFrom('{"__proto__":1}', '{"constructor":null}', '{"a":{"__proto__":{}}}').map(parse),
  fc.nat(2_000).map((length) => 'n'.repeat(length)),
);

const nearlyMessage = fc
  .record(
    {
      type: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...MESSAGE_TYPES) }, anyJson),
      event: fc.oneof({ weight: 4, arbitrary: fc.string({ minLength: 1 }) }, anyJson),
      userId: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('u', 7, null) }, anyJson),
      anonymousId: fc.oneof({ weight: 4, arbitrary: fc.uuid() }, anyJson),
      groupId: fc.oneof(fc.constant('g'), anyJson),
      previousId: fc.oneof(fc.constant('p'), anyJson),
      messageId: fc.oneof(fc.uuid(), anyJson),
      timestamp: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom('2026-11-22T11:00:00.000Z', null) },
        anyJson,
      ),
      originalTimestamp: fc.oneof(fc.constant('2026-11-22T11:00:00Z'), anyJson),
      sentAt: fc.oneof({ weight: 3, arbitrary: fc.constant('2026-11-22T11:00:01.000Z') }, anyJson),
      name: anyJson,
      category: anyJson,
      properties: fc.oneof(fc.constant({}), fc.dictionary(fc.string(), anyJson), anyJson),
      traits: fc.oneof(fc.constant({}), anyJson),
      context: fc.oneof(fc.constant({}), anyJson),
      integrations: fc.oneof(fc.constant({ All: true }), anyJson),
      extra: anyJson,
    },
    { requiredKeys: ['type', 'event', 'userId'] },
  )
  .map((message) => ({ ...message }));

function parse(text: string): unknown {
  return JSON.parse(text);
}

describe('fastCheck', () => {
  it('accepts a message exactly when the schema and the range of its time do', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 5, arbitrary: nearlyMessage }, anyJson), (message) => {
        const fast = fastCheck(message, around) !== NOT_PLAIN;
        expect(fast).toBe(explainMessage(message, around) === undefined);
      }),
      { numRuns: 3_000 },
    );
  });

  it('agrees with the schema alone where there are no times', () => {
    fc.assert(
      fc.property(nearlyMessage, (value) => {
        const untimed = Object.entries(value as object).filter(
          ([key]) => !['timestamp', 'originalTimestamp', 'sentAt'].includes(key),
        );
        const message = Object.fromEntries(untimed) as unknown;
        expect(fastCheck(message, around) !== NOT_PLAIN).toBe(messageSchema.safeParse(message).success);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never says that a message has more bytes than its shortest JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (properties) => {
        const message = parse(JSON.stringify({ ...track, properties }));
        const weight = fastCheck(message, around);
        expect(weight).toBeLessThanOrEqual(new TextEncoder().encode(JSON.stringify(message)).length);
      }),
    );
  });

  it('need not look at strings of valid UTF-8 without escapes', () => {
    fc.assert(
      fc.property(nearlyMessage, (message) => {
        fc.pre(findContentFault(message)?.code !== 'invalid_string');
        const quick = fastCheck(message, { ...around, checkStrings: false });
        expect(quick).toBe(fastCheck(message, around));
      }),
    );
  });
});

describe('validateMessage', () => {
  it.each([
    ['a track', track],
    ['ids that are numbers', { ...track, userId: 7, anonymousId: null }],
    ['an empty id beside a good one', { ...track, userId: '', anonymousId: 'a' }],
    ['an identify without traits', { type: 'identify', userId: 'u' }],
    ['a page without a name', { type: 'page', anonymousId: 'a', name: null }],
    ['a group of nobody known', { type: 'group', groupId: 'g' }],
    ['an alias', { type: 'alias', previousId: 'a', userId: 'u' }],
    ['null where an object may be', { ...track, context: null, integrations: null }],
    [
      'a fraction of nine digits and an offset',
      { ...track, timestamp: '2026-11-22T18:30:07.988000001+07:00' },
    ],
    ['a time without a fraction', { ...track, timestamp: '2026-11-22T11:30:07+00:00' }],
    [
      'a clock that is decades off, as sentAt shows',
      {
        ...track,
        timestamp: '1970-01-01T00:00:05Z',
        sentAt: '1970-01-01T00:00:09Z',
      },
    ],
  ])('accepts %s', (_name, message) => {
    expect(judge(message)).toBeUndefined();
  });

  it.each([
    ['message_not_object', undefined, 7],
    ['message_not_object', undefined, [track]],
    ['unknown_type', '/type', { ...track, type: 'trick' }],
    ['unknown_type', '/type', { userId: 'u' }],
    ['no_user_anon_id', undefined, { type: 'identify', userId: null, anonymousId: '' }],
    ['invalid_id', '/userId', { ...track, userId: { id: 1 } }],
    ['invalid_id', '/messageId', { ...track, messageId: true }],
    ['id_too_long', '/anonymousId', { ...track, anonymousId: 'a'.repeat(513) }],
    ['id_too_long', '/messageId', { ...track, messageId: 'm'.repeat(100) }],
    ['event_not_defined', '/event', { type: 'track', userId: 'u' }],
    ['event_not_string', '/event', { ...track, event: 5 }],
    ['event_not_string', '/event', { ...track, event: '' }],
    ['name_too_long', '/event', { ...track, event: 'e'.repeat(1_025) }],
    ['name_not_string', '/name', { type: 'page', userId: 'u', name: 1 }],
    ['name_not_string', '/category', { type: 'screen', userId: 'u', category: {} }],
    ['properties_not_object', '/properties', { ...track, properties: [] }],
    ['properties_not_object', '/properties', { ...track, properties: 'no' }],
    ['traits_not_object', '/traits', { type: 'identify', userId: 'u', traits: 1 }],
    ['context_not_object', '/context', { ...track, context: 'x' }],
    ['integrations_not_object', '/integrations', { ...track, integrations: [] }],
    ['group_id_missing', '/groupId', { type: 'group', userId: 'u' }],
    ['previous_id_missing', '/previousId', { type: 'alias', userId: 'u' }],
    ['invalid_timestamp', '/timestamp', { ...track, timestamp: 'yesterday' }],
    ['invalid_timestamp', '/timestamp', { ...track, timestamp: 1_700_000_000 }],
    ['invalid_timestamp', '/timestamp', { ...track, timestamp: '2026-02-30T00:00:00Z' }],
    ['timestamp_out_of_range', '/timestamp', { ...track, timestamp: '1999-12-31T23:59:59Z' }],
    ['timestamp_out_of_range', '/timestamp', { ...track, timestamp: '2026-11-23T12:00:00.001Z' }],
    ['invalid_string', '/properties/a', { ...track, properties: { a: 'x\0' } }],
    ['invalid_string', '/event', { ...track, event: '\uD800' }],
    ['number_out_of_range', '/properties/n/1', { ...track, properties: { n: [1, 2 ** 53] } }],
    [
      'forbidden_key',
      '/properties/__proto__',
      parse('{"type":"track","event":"e","userId":"u","properties":{"__proto__":1}}'),
    ],
    [
      'too_deep',
      `/properties${'/a'.repeat(31)}`,
      { ...track, properties: parse('{"a":'.repeat(40) + '1' + '}'.repeat(40)) },
    ],
  ])('answers %s at %s', (code, field, message) => {
    const fault = judge(message);
    expect(fault).toMatchObject({ code });
    expect(fault?.field).toBe(field);
  });

  it('corrects the clock by the sentAt of the batch before it judges the time', () => {
    const ahead = { ...track, timestamp: '2027-11-22T12:00:00.000Z' };
    expect(judge(ahead)).toMatchObject({ code: 'timestamp_out_of_range' });
    expect(judge(ahead, { batchSentAtMs: Date.UTC(2027, 10, 22, 12, 0, 5) })).toBeUndefined();
  });

  it('takes the type that the address names when the message has none', () => {
    expect(judge({ event: 'e', userId: 'u' }, { impliedType: 'track' })).toBeUndefined();
    expect(judge({ event: 'e', userId: 'u', type: null }, { impliedType: 'track' })).toBeUndefined();
    expect(judge({ userId: 'u' }, { impliedType: 'track' })).toMatchObject({ code: 'event_not_defined' });
  });

  it('refuses a message by its size as sent', () => {
    expect(judge(track, { bytes: MESSAGE_LIMITS.messageBytes })).toBeUndefined();
    expect(judge(track, { bytes: MESSAGE_LIMITS.messageBytes + 1 })).toMatchObject({
      code: 'message_too_large',
    });
  });

  it('never throws and never points with text that cannot be stored', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyMessage, anyJson), (message) => {
        const fault = judge(message);
        expect(/[\0]|\p{Surrogate}/u.test(`${fault?.field}${fault?.message}`)).toBe(false);
      }),
    );
  });
});
