import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBuiltInEvent } from './built-in-check.js';
import { CURRENCIES } from './currencies.js';
import { BUILT_IN_EVENTS, type BuiltInEventName } from './typed-events.js';

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    '',
    'x',
    'x'.repeat(1_024),
    'x'.repeat(1_025),
    '😀'.repeat(600),
    0,
    -1,
    1.5,
    1e11,
    1e12,
    -0,
    null,
    [],
    {},
  ),
);
const mostly = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 8, arbitrary: good }, anyValue);
const text = mostly(fc.string({ minLength: 1, unit: 'binary' }));
const amount = mostly(fc.double({ min: 0, max: 1e11, noNaN: true }));

/** Now and then with a property that no schema knows. */
function perhapsWithMore(known: fc.Arbitrary<object>): fc.Arbitrary<object> {
  return fc
    .tuple(known, anyValue, fc.nat(9))
    .map(([value, extra, kind]) => (kind === 0 ? { ...value, extra } : value));
}

const item = mostly(
  fc.record(
    {
      sku: text,
      name: text,
      category: text,
      quantity: mostly(fc.integer({ min: 1 })),
      price: amount,
    },
    { requiredKeys: ['sku', 'quantity', 'price'] },
  ),
);
const properties: Readonly<Record<BuiltInEventName, fc.Arbitrary<object>>> = {
  Purchase: fc.record(
    {
      orderId: text,
      amount,
      currency: mostly(fc.constantFrom(...CURRENCIES)),
      items: mostly(fc.array(item, { minLength: 1, maxLength: 3 })),
      tax: amount,
      shipping: amount,
      discount: amount,
      coupon: text,
    },
    { requiredKeys: ['amount', 'currency', 'items'] },
  ),
  Video: fc.record(
    {
      videoId: text,
      title: text,
      action: mostly(fc.constantFrom('play', 'pause', 'resume', 'seek', 'progress', 'complete')),
      positionSeconds: amount,
      durationSeconds: amount,
    },
    { requiredKeys: ['videoId', 'action', 'positionSeconds'] },
  ),
  Click: fc.record(
    { target: text, text, url: mostly(fc.webUrl()), x: mostly(fc.double()), y: amount },
    { requiredKeys: ['target'] },
  ),
  Search: fc.record(
    {
      query: text,
      results: mostly(fc.nat()),
      filters: mostly(fc.dictionary(fc.string(), anyValue, { maxKeys: 3 })),
    },
    { requiredKeys: ['query'] },
  ),
  Login: fc.record({ method: text, success: mostly(fc.boolean()) }, { requiredKeys: ['method'] }),
};

describe('the compiled check of built-in events', () => {
  it.each(Object.keys(properties) as BuiltInEventName[])('takes of %s what its schema takes', (event) => {
    let taken = 0;
    fc.assert(
      fc.property(
        fc.oneof({ weight: 20, arbitrary: perhapsWithMore(properties[event]) }, anyValue),
        (value) => {
          // As it comes over the wire.
          const received = JSON.parse(JSON.stringify(value)) as unknown;
          const verdict = isBuiltInEvent(event, received);
          expect(verdict).toBe(BUILT_IN_EVENTS[event].safeParse(received).success);
          if (verdict) taken++;
        },
      ),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(20);
  });

  it('knows no other event', () => {
    expect(isBuiltInEvent('Signed Up', {})).toBe(false);
    expect(isBuiltInEvent('constructor', {})).toBe(false);
  });
});
