import type { BuiltInEventName, BuiltInProperties } from '@sluice/contracts';
import type { Faker } from '@faker-js/faker';
import type { Film, Product } from './catalogue.js';

/** An event of the built-in tracking plan. */
export type PlannedEvent = {
  [N in BuiltInEventName]: { event: N; properties: BuiltInProperties[N] };
}[BuiltInEventName];

/** Has no smaller unit. */
const WITHOUT_CENTS = new Set(['JPY']);
/** What one unit of the shop's prices is in each currency, roughly. */
const FACTORS: Readonly<Record<string, number>> = { USD: 1, EUR: 0.9, GBP: 0.8, JPY: 150, INR: 84, BRL: 5.5 };

export function loginOf(faker: Faker): PlannedEvent {
  const method = faker.helpers.weightedArrayElement([
    { weight: 5, value: 'password' },
    { weight: 3, value: 'google' },
    { weight: 1, value: 'apple' },
    { weight: 1, value: 'magic_link' },
  ]);
  return { event: 'Login', properties: { method, success: true } };
}

export function searchOf(query: string, results: number): PlannedEvent {
  return { event: 'Search', properties: { query, results } };
}

export function clickOf(faker: Faker, product: Product, url: string): PlannedEvent {
  return {
    event: 'Click',
    properties: {
      target: `product:${product.sku}`,
      text: product.name,
      url,
      x: faker.number.int({ min: 0, max: 390 }),
      y: faker.number.int({ min: 0, max: 2_400 }),
    },
  };
}

export function videoOf(
  film: Film,
  action: 'play' | 'pause' | 'complete',
  positionSeconds: number,
): PlannedEvent {
  return {
    event: 'Video',
    properties: {
      videoId: film.videoId,
      title: film.title,
      action,
      positionSeconds,
      durationSeconds: film.durationSeconds,
    },
  };
}

export function purchaseOf(
  faker: Faker,
  products: readonly Product[],
  currency: BuiltInProperties['Purchase']['currency'],
): PlannedEvent {
  const cents = WITHOUT_CENTS.has(currency) ? 1 : 100;
  const items = products.map((product) => ({
    sku: product.sku,
    name: product.name,
    category: product.category,
    quantity: faker.number.int({ min: 1, max: 3 }),
    price: Math.round(product.price * (FACTORS[currency] ?? 1) * cents) / cents,
  }));
  const sum = items.reduce((total, item) => total + item.price * item.quantity, 0);
  return {
    event: 'Purchase',
    properties: {
      orderId: `order-${faker.string.alphanumeric({ length: 10, casing: 'upper' })}`,
      amount: Math.round(sum * cents) / cents,
      currency,
      items,
    },
  };
}
