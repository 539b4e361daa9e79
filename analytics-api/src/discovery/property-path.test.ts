import { describe, expect, it } from 'vitest';
import { propertyOf, typesOf } from './property-path.js';

describe('a stored path', () => {
  it.each([
    ['price', 'price'],
    ['a%2Eb', 'a.b'],
    ['cart.items', ['cart', 'items']],
    ['cart.a%2Eb', ['cart', 'a.b']],
    ['', undefined],
    ['a^`b', undefined],
    ['a.b.c.d.e.f.g.h.i', undefined],
  ])('%j is the property %j', (path, property) => {
    expect(propertyOf(path)).toEqual(property);
  });
});

describe('types of values', () => {
  it('are those of JSON, each once', () => {
    const stored = ['Array(Nullable(Int64))', 'Bool', 'Float64', 'Int64', 'String', 'DateTime'];
    expect(typesOf(stored)).toEqual(['string', 'number', 'boolean', 'array', 'other']);
  });
});
