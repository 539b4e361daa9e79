import { describe, expect, it } from 'vitest';
import { interpolate, interpolateDocument, InterpolationError } from './interpolate.js';

describe('interpolate', () => {
  it('takes values, defaults and alternatives as Compose does', () => {
    const environment = { A: 'a', EMPTY: '' };
    expect(interpolate('$A ${A} $$A', environment)).toBe('a a $A');
    expect(interpolate('${B:-b} ${EMPTY:-e} ${EMPTY-e} ${A:-x}', environment)).toBe('b e  a');
    expect(interpolate('${A:+yes}${EMPTY:+no}${EMPTY+yes}${B+no}', environment)).toBe('yesyes');
  });

  it('demands what is required, but only where it is used', () => {
    const text = '${URL:-postgres://me:${PASSWORD:?set it}@host/db}';
    expect(() => interpolate(text, {})).toThrow(InterpolationError);
    expect(() => interpolate(text, { PASSWORD: '' })).toThrow('PASSWORD is required: set it');
    expect(interpolate(text, { PASSWORD: 'p' })).toBe('postgres://me:p@host/db');
    expect(interpolate(text, { URL: 'postgres://elsewhere' })).toBe('postgres://elsewhere');
  });

  it('refuses what is not closed or has no name', () => {
    expect(() => interpolate('${A', { A: '1' })).toThrow(InterpolationError);
    expect(() => interpolate('100$', {})).toThrow(InterpolationError);
  });

  it('goes through documents and leaves what is no text', () => {
    expect(interpolateDocument({ a: ['$A', 1], b: { c: null } }, { A: 'x' })).toEqual({
      a: ['x', 1],
      b: { c: null },
    });
  });
});
