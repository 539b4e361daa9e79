import { describe, expect, it } from 'vitest';
import { comparePlans } from './compare-plans.js';

const schema = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

describe('two plans compared', () => {
  it('says what is added and removed, and nothing of what is the same in another order', () => {
    const before = { Kept: { type: 'object', properties: {} }, Gone: {} };
    const after = { Kept: { properties: {}, type: 'object' }, New: {} };
    expect(comparePlans(before, after)).toEqual([
      { event: 'Gone', change: 'removed', breaking: false, reasons: [] },
      { event: 'New', change: 'added', breaking: false, reasons: [] },
    ]);
  });

  it.each([
    ['another required property', schema({}), schema({}, { required: ['a'] })],
    ['a type less', schema({ a: { type: ['string', 'number'] } }), schema({ a: { type: 'string' } })],
    ['a value less', schema({ a: { enum: ['x', 'y'] } }), schema({ a: { enum: ['x'] } })],
    ['a lower bound that is higher', schema({ a: { minimum: 0 } }), schema({ a: { minimum: 1 } })],
    ['an upper bound that is new', schema({ a: {} }), schema({ a: { maxLength: 3 } })],
    ['a property that is looked at now', schema({}), schema({ a: { type: 'string' } })],
    [
      'a property that is gone from a closed schema',
      schema({ a: {} }, { additionalProperties: false }),
      schema({}, { additionalProperties: false }),
    ],
    ['a schema that is closed', schema({}), schema({}, { additionalProperties: false })],
    ['a keyword that is not understood', schema({}), schema({}, { not: { required: ['a'] } })],
    ['narrower items', schema({ a: { items: {} } }), schema({ a: { items: { type: 'string' } } })],
  ])('calls %s breaking', (_what, before, after) => {
    const [change] = comparePlans({ E: before }, { E: after });
    expect(change).toMatchObject({ change: 'changed', breaking: true });
    expect(change!.reasons).toHaveLength(1);
  });

  it.each([
    ['a required property less', schema({}, { required: ['a'] }), schema({})],
    ['a type more', schema({ a: { type: 'integer' } }), schema({ a: { type: ['number', 'null'] } })],
    ['a value more', schema({ a: { enum: ['x'] } }), schema({ a: { enum: ['x', 'y'] } })],
    ['a wider bound', schema({ a: { maximum: 1 } }), schema({ a: { maximum: 2 } })],
    ['a description', schema({}), schema({}, { description: 'now with words' })],
    [
      'an optional property of a closed schema',
      schema({}, { additionalProperties: false }),
      schema({ a: { type: 'string' } }, { additionalProperties: false }),
    ],
  ])('does not call %s breaking', (_what, before, after) => {
    expect(comparePlans({ E: before }, { E: after })).toEqual([
      { event: 'E', change: 'changed', breaking: false, reasons: [] },
    ]);
  });
});
