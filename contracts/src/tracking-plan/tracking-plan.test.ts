import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageSchema } from '../messages/schemas.js';
import { builtInPlan, checkPlan, findPlanFaults } from './check-plan.js';
import { CURRENCIES } from './currencies.js';
import type { TypedEvent } from './typed-events.js';
import { fromTrackMessage, toTrackMessage } from './typed-track.js';

const purchase = {
  amount: 30,
  currency: 'EUR',
  items: [{ sku: 'SKU-1', quantity: 2, price: 15 }],
};

function track(event: string, properties: unknown): unknown {
  return { type: 'track', event, userId: 'u', properties };
}

describe('checkPlan with the built-in events', () => {
  it.each([
    ['Purchase', purchase],
    ['Video', { videoId: 'v', action: 'play', positionSeconds: 0 }],
    ['Click', { target: '#buy', url: 'https://x.example' }],
    ['Search', { query: 'lamp', results: 0, filters: { color: 'red' } }],
    ['Login', { method: 'password', success: true }],
    ['Something Else', { anything: [1] }],
  ])('has nothing against a good %s', (event, properties) => {
    expect(checkPlan({}, track(event, properties))).toEqual([]);
  });

  it.each([
    ['Purchase', { ...purchase, currency: 'XXX' }, '/properties/currency'],
    ['Purchase', { ...purchase, amount: '30' }, '/properties/amount'],
    [
      'Purchase',
      { ...purchase, items: [{ sku: 's', quantity: 0, price: 1 }] },
      '/properties/items/0/quantity',
    ],
    ['Purchase', { ...purchase, color: 'red' }, '/properties/color'],
    ['Video', { videoId: 'v', action: 'rewind', positionSeconds: 0 }, '/properties/action'],
    ['Login', null, '/properties/method'],
  ])('names the property of a %s that leaves the plan', (event, properties, field) => {
    expect(checkPlan({}, track(event, properties))).toMatchObject([{ code: 'plan_violation', field }]);
  });

  it('checks nothing but track messages', () => {
    expect(checkPlan({}, { type: 'page', event: 'Login', properties: {} })).toEqual([]);
    expect(checkPlan({}, 'Login')).toEqual([]);
  });
});

describe('checkPlan with a project’s own plan', () => {
  const plan = {
    'Plan Changed': {
      type: 'object',
      properties: { plan: { enum: ['free', 'pro'] }, seats: { type: 'integer', minimum: 1 } },
      required: ['plan'],
      additionalProperties: false,
    },
    Login: { type: 'object' },
  };

  it('follows its JSON Schemas, which win over the built-in ones', () => {
    expect(findPlanFaults(plan)).toEqual([]);
    expect(checkPlan(plan, track('Plan Changed', { plan: 'pro', seats: 3 }))).toEqual([]);
    expect(checkPlan(plan, track('Login', { whatever: 1 }))).toEqual([]);
    expect(
      checkPlan(plan, track('Plan Changed', { plan: 'gold', seats: 0, x: 1 })).map((f) => f.field),
    ).toEqual(['/properties/plan', '/properties/seats', '/properties/x']);
  });

  it('reports an entry that is not usable and lets its events pass', () => {
    const broken = { Odd: { type: 'object', if: {}, then: {} } };
    expect(findPlanFaults(broken)).toMatchObject([{ field: '/Odd' }]);
    expect(checkPlan(broken, track('Odd', {}))).toEqual([]);
  });

  it('takes the built-in plan back as a project’s own', () => {
    const copy = builtInPlan();
    expect(findPlanFaults(copy)).toEqual([]);
    expect(checkPlan(copy, track('Purchase', purchase))).toEqual([]);
    expect(checkPlan(copy, track('Purchase', { ...purchase, amount: -1 }))).toMatchObject([
      { field: '/properties/amount' },
    ]);
  });

  it('never throws, whatever the properties are', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('Purchase', 'Plan Changed', 'Search', 'constructor', '__proto__'),
        fc.jsonValue(),
        (event, properties) => {
          expect(Array.isArray(checkPlan(plan, track(event, properties)))).toBe(true);
        },
      ),
    );
    const odd = JSON.parse('{"filters":{"constructor":null,"__proto__":1},"query":"q"}') as unknown;
    expect(checkPlan({}, track('Search', odd))).toBeInstanceOf(Array);
  });
});

describe('typed events', () => {
  const event: TypedEvent = {
    eventId: '0193a5b0-0000-7000-8000-000000000001',
    userId: 'u1',
    sessionId: 's1',
    timestamp: '2026-11-22T12:00:00.000Z',
    type: 'purchase',
    properties: { amount: 30, currency: 'EUR', items: [{ sku: 'SKU-1', quantity: 2, price: 15 }] },
    metadata: { shop: 'north' },
  };

  it('travel as track messages that the gateway accepts, and come back whole', () => {
    const message = toTrackMessage(event);
    expect(messageSchema.safeParse(message).success).toBe(true);
    expect(checkPlan({}, message)).toEqual([]);
    expect(fromTrackMessage(message)).toEqual(event);
  });

  it('are not made of track messages that do not follow the plan', () => {
    const message = toTrackMessage(event);
    expect(fromTrackMessage({ ...message, properties: {} })).toBeUndefined();
    expect(fromTrackMessage({ ...message, event: 'Other' })).toBeUndefined();
    expect(fromTrackMessage({ type: 'page', userId: 'u' })).toBeUndefined();
  });

  it('know every currency once', () => {
    expect(new Set(CURRENCIES).size).toBe(CURRENCIES.length);
  });
});
