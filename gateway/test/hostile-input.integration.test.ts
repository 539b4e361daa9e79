import { ingestAnswerSchema, problemSchema } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { basic, startGateway, type TestGateway } from './start-gateway.js';

const good = { type: 'track', event: 'Good', userId: 'u1', messageId: 'good', properties: { n: 1 } };
const goodText = JSON.stringify(good);

/** JSON texts of one element, hostile or merely wrong. */
const anyElement = fc.oneof(
  fc.json({ maxDepth: 5 }),
  fc.constantFrom(
    '{"type":"track","event":"e","userId":"u","__proto__":{"x":1}}',
    '{"type":"track","event":"e","userId":"u","constructor":null,"properties":{"constructor":null}}',
    '{"type":"track","event":"\\u0000","userId":"u"}',
    '{"type":"track","event":"e","userId":"\\ud800"}',
    '{"type":"track","event":"e","userId":"u","properties":{"\\udc00":1}}',
    '{"type":"track","event":"e","userId":9007199254740993}',
    '{"type":"track","event":"e","userId":"u","properties":{"n":1e999}}',
    '{"type":"track","event":"e","userId":"u","timestamp":"9999-99-99T99:99:99Z"}',
    '{"type":"track","event":"e","userId":"u","timestamp":"0000-01-01T00:00:00Z","sentAt":"9999-12-31T23:59:59.999Z"}',
    '{"type":"track","event":"Purchase","userId":"u","properties":{"amount":"x","items":[{"__proto__":1}]}}',
    '{"type":"__proto__","userId":"u"}',
    '{"type":"constructor","userId":"u"}',
    '{"type":"track","event":"__proto__","userId":"u"}',
    '{"type":"track","type":"page","event":"e","userId":"u"}',
    '-0',
    '"\\ud83d"',
  ),
  fc.nat(4).map((i) => {
    const depth = [10, 100, 1_000, 10_000, 100_000][i]!;
    return `{"type":"track","event":"e","userId":"u","properties":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
  }),
  fc.nat(100_000).map((length) => `{"type":"track","event":"${'e'.repeat(length)}","userId":"u"}`),
  fc
    .tuple(fc.constantFrom(...Object.keys(good), 'timestamp', 'context', 'anonymousId', 'sentAt'), fc.json())
    .map(([field, value]) => `${goodText.slice(0, -1)},${JSON.stringify(field)}:${value}}`),
);

const space = fc.stringMatching(/^[ \t\n\r]{0,2}$/);

describe('the gateway, given anything at all', () => {
  let t: TestGateway;

  beforeAll(async () => {
    // The test keeps the event loop of both busy: that is no reason to refuse anything here.
    t = await startGateway({ postgresUrl: inject('postgresUrl'), config: { maxEventLoopDelayMs: 0 } });
  });
  afterAll(() => t.close());

  it('accepts the good messages of a batch, whatever stands beside them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyElement, space), { maxLength: 6 }),
        fc.nat(6),
        space,
        async (others, at, gap) => {
          const elements = others.map(([text, around]) => `${around}${text}${around}`);
          const place = Math.min(at, elements.length);
          elements.splice(place, 0, goodText);
          const before = await t.log.endOffsets();
          const answer = await t.post('/v1/batch', `{${gap}"batch"${gap}:[${elements.join(',')}]}`);
          expect(answer.status).toBe(200);
          const verdicts = ingestAnswerSchema.parse(answer.json);
          expect(verdicts.accepted + verdicts.rejected.length).toBe(elements.length);
          expect(verdicts.rejected.map(({ index }) => index)).not.toContain(place);

          const logged = await t.readLog(before);
          let accepted = 0;
          let found = 0;
          for (const { meta, text } of logged) {
            if (meta.kind !== 'messages') continue;
            const { batch } = JSON.parse(text) as { batch: unknown[] };
            const skip = new Set(meta.skip);
            const kept = batch.filter((_, index) => !skip.has(index));
            expect(kept).toHaveLength(meta.count);
            accepted += kept.length;
            found += kept.filter((message) => JSON.stringify(message) === goodText).length;
          }
          expect(accepted).toBe(verdicts.accepted);
          expect(found).toBeGreaterThanOrEqual(1);
          const dead = logged.flatMap(({ meta, text }) =>
            meta.kind === 'rejected' ? [[meta.index, text]] : [],
          );
          expect(new Map(dead as [number, string][])).toEqual(
            new Map(verdicts.rejected.map(({ index }) => [index, elements[index]!.trim()])),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('answers any body with 200 or a coded 4xx', async () => {
    const valid = Buffer.from(
      JSON.stringify({ batch: [good, good], sentAt: '2026-11-22T12:00:00.000Z', context: { a: 1 } }),
    );
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255), fc.constantFrom('set', 'cut', 'repeat')), {
        minLength: 1,
        maxLength: 8,
      })
      .map((changes) =>
        changes.reduce<Buffer>((bytes, [at, byte, how]) => {
          if (how === 'cut') return bytes.subarray(0, Math.max(1, at));
          if (how === 'repeat') return Buffer.concat([bytes.subarray(0, at), bytes]);
          const copy = Buffer.from(bytes);
          if (at < copy.length) copy[at] = byte;
          return copy;
        }, valid),
      );
    const body = fc.oneof(
      mutated,
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(`{"batch":${text}}`)),
      fc
        .tuple(fc.constantFrom('context', 'integrations', 'sentAt', 'writeKey', '__proto__'), fc.json())
        .map(([name, value]) => Buffer.from(`{"batch":[${goodText}],"${name}":${value}}`)),
      fc.constantFrom(10_000, 1_000_000).map((depth) => Buffer.from('['.repeat(depth))),
      fc
        .constantFrom(10_000, 1_000_000)
        .map((depth) => Buffer.from(`{"batch":${'['.repeat(depth)}${']'.repeat(depth)}}`)),
    );
    const url = fc.constantFrom('/v1/batch', '/v1/b', '/v1/import', '/v1/track', '/v1/i', '/v1/a', '/v1/m');
    const header = fc.oneof(
      fc.constant({}),
      fc
        .constantFrom('gzip', 'deflate', 'br', 'zstd', 'x', '')
        .map((value) => ({ 'content-encoding': value })),
      fc.stringMatching(/^[ -~]{0,20}$/).map((value) => ({ 'content-type': value })),
      fc.stringMatching(/^[ -~]{0,20}$/).map((value) => ({ 'x-retry-count': value })),
    );
    await fc.assert(
      fc.asyncProperty(url, body, header, async (address, bytes, headers) => {
        const answer = await t.post(address, bytes, headers);
        if (answer.status === 200) return;
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
        expect(problemSchema.parse(answer.json).status).toBe(answer.status);
      }),
      { numRuns: 400 },
    );
    expect((await t.post('/v1/t', good)).status).toBe(200);
  });

  it('answers any credentials with 200 or a coded 4xx', async () => {
    const text = fc.oneof(
      fc.stringMatching(/^[ -~]{0,40}$/),
      fc.constantFrom(
        'Basic',
        'Basic ',
        'Basic =',
        'Bearer',
        'Bearer \t',
        basic('x'),
        basic('\0'),
        basic('\u{10ffff}'),
      ),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.json(), fc.json(), async (authorization, key, messageKey) => {
        const body = `{"writeKey":${key},"batch":[{"writeKey":${messageKey}},${goodText}]}`;
        const answer = await t.post('/v1/batch', body, { authorization });
        expect([200, 400, 401]).toContain(answer.status);
      }),
      { numRuns: 150 },
    );
  });
});
