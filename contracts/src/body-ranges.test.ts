import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findElements } from './body-ranges.js';

/** Any JSON value as text, with whitespace, escapes and repeated keys that JSON.stringify would never write. */
const { text: anyJsonText } = fc.letrec<{ text: string; space: string; string: string }>((tie) => ({
  space: fc.stringMatching(/^[ \t\n\r]{0,2}$/),
  string: fc
    .string({ unit: 'grapheme', maxLength: 8 })
    .map((value) =>
      JSON.stringify(value).replace(/[a-m]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
    ),
  text: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('null', 'true', '-1.5e+10', '0', '""', '"\\\\"', '"\\""', '"[{,}]"', '[]', '{}'),
    tie('string'),
    fc
      .array(fc.tuple(tie('space'), tie('text'), tie('space')), { maxLength: 3 })
      .map((items) => `[${items.map((item) => item.join('')).join(',')} ]`),
    fc
      .array(fc.tuple(tie('space'), tie('string'), tie('space'), tie('text')), { maxLength: 3 })
      .map((entries) => `{${entries.map(([a, key, b, value]) => `${a}${key}${b}:${value}`).join(',')} }`),
  ),
}));

const key = fc.oneof(
  fc.constantFrom(
    '"batch"',
    '"b\\u0061tch"',
    '"\\u0062\\u0061\\u0074\\u0063\\u0068"',
    '"context"',
    '"__proto__"',
    '"Batch"',
    '"batch "',
  ),
  fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
);

const anyBody = fc
  .tuple(
    fc.stringMatching(/^[ \t\n\r]{0,3}$/),
    fc.array(
      fc.tuple(
        key,
        fc.oneof(
          anyJsonText,
          fc.array(anyJsonText, { maxLength: 5 }).map((items) => `[ ${items.join(' ,\n')}]`),
        ),
      ),
      { maxLength: 6 },
    ),
  )
  .map(
    ([space, members]) =>
      `${space}{${members.map(([k, v]) => `${space}${k}${space}:${space}${v}`).join(',')}${space}}${space}`,
  );

describe('findElements', () => {
  it('finds the elements that JSON.parse finds', () => {
    fc.assert(
      fc.property(anyBody, (text) => {
        const bytes = Buffer.from(text);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const { elements, members } = findElements(bytes);
        const slice = ({ start, end }: { start: number; end: number }): unknown =>
          JSON.parse(bytes.subarray(start, end).toString());
        const batch = Object.hasOwn(parsed, 'batch') ? parsed['batch'] : undefined;
        expect(elements.map(slice)).toEqual(Array.isArray(batch) ? batch : []);
        expect([...members.keys()].sort()).toEqual(Object.keys(parsed).sort());
        for (const [name, range] of members) expect(slice(range)).toEqual(parsed[name]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives the very bytes, without the space around them', () => {
    const body = Buffer.from('{"batch":[ {"a" : "\\u0041é"} ,\n7 ,"x" ], "sentAt" : "t" }');
    const { elements, members } = findElements(body);
    expect(elements.map(({ start, end }) => body.subarray(start, end).toString())).toEqual([
      '{"a" : "\\u0041é"}',
      '7',
      '"x"',
    ]);
    const sentAt = members.get('sentAt')!;
    expect(body.subarray(sentAt.start, sentAt.end).toString()).toBe('"t"');
  });

  it('is not stopped by nesting of a million levels', () => {
    const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    const body = Buffer.from(`{"batch":[${deep},1]}`);
    expect(findElements(body).elements).toHaveLength(2);
  });
});
