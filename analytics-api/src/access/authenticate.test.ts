import { describe, expect, it } from 'vitest';
import { readKey } from './authenticate.js';

describe('the key of a request', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it.each([
    ['Bearer abc', 'abc'],
    ['bearer   abc ', 'abc'],
    [basic('abc:'), 'abc'],
    [basic('abc'), 'abc'],
    [basic('abc:secret'), 'abc'],
    [basic(':abc'), undefined],
    ['Digest abc', undefined],
    ['abc', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('in %j is %j', (header, key) => {
    expect(readKey(header)).toBe(key);
  });
});
