import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { insertableJson } from './insertable-json.js';

describe('insertableJson', () => {
  it('never changes what the text means', () => {
    const big = fc.double({ min: 2 ** 60, max: 1e22, noNaN: true });
    const value = fc.jsonValue({ depthSize: 'medium' });
    fc.assert(
      fc.property(
        value,
        fc.oneof(
          big,
          big.map(String),
          big.map((n) => -n),
        ),
        (json, number) => {
          const text = JSON.stringify({ json, number, list: [number, { number }] });
          expect(JSON.parse(insertableJson(text))).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it('leaves no whole number that is beyond 64 bits', () => {
    expect(insertableJson(JSON.stringify({ a: 1e20, b: [-(2 ** 63) - 2048] }))).toBe(
      '{"a":100000000000000000000e0,"b":[-9223372036854778000e0]}',
    );
  });

  it('leaves strings, shorter numbers and numbers with fractions as they are', () => {
    const text = '{"100000000000000000000":"\\"100000000000000000000","b":123,"c":0.1234567890123456789012}';
    expect(insertableJson(text)).toBe(text);
  });
});
