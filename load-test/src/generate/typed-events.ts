import type { Faker } from '@faker-js/faker';
import type { Film, Product } from './catalogue.js';

export interface TypedEvent {
  event: string;
  properties: Record<string, unknown>;
}

/** Whole units of the currency; it has no smaller ones. */
const WITHOUT_CENTS = new Set(['JPY']);
/** Roughly what one unit of the shop's prices is in each currency. */
const FACTORS: Readonly<Record<string, number>> = { USD: 1, EUR: 0.9, GBP: 0.8, JPY: 150, INR: 84, BRL: 5.5 };

export function loginOf(faker: Faker): TypedEvent {
  return {
    event: 'login',
    properties: { method: faker.helpers.arrayElement(['password', 'google', 'apple', 'magic_link']) },
  };
}

export function searchOf(query: string, results: number): TypedEvent {
  return { event: 'search', properties: { query, results } };
}

export function clickOf(product: Product, url: string): TypedEvent {
  return { event: 'click', properties: { element: `product-${product.sku}`, url } };
}

export function videoOf(film: Film, action: 'play' | 'pause' | 'complete', position: number): TypedEvent {
  return { event: 'video', properties: { videoId: film.videoId, action, position } };
}

export function purchaseOf(faker: Faker, products: readonly Product[], currency: string): TypedEvent {
  const cents = WITHOUT_CENTS.has(currency) ? 1 : 100;
  const items = products.map((product) => ({
    sku: product.sku,
    name: product.name,
    quantity: faker.number.int({ min: 1, max: 3 }),
    price: Math.round(product.price * (FACTORS[currency] ?? 1) * cents) / cents,
  }));
  const sum = items.reduce((total, item) => total + item.price * item.quantity, 0);
  return { event: 'purchase', properties: { amount: Math.round(sum * cents) / cents, currency, items } };
}
