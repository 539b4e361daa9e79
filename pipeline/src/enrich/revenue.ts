import { asObject, type JsonObject } from '../decode/json.js';

export interface Revenue {
  /** A decimal of at most four digits after the point, as text: sums stay exact. */
  revenue: string;
  /** ISO 4217 code. */
  currency: string;
}

/** Beyond this a sum could leave Decimal(18, 4). */
const LARGEST = 1e11;

/**
 * What a purchase brought in: `amount` of the built-in Purchase, `revenue` or `total` of Segment's Order Completed.
 * Undefined for every other event and for a purchase without a usable amount. Without a currency it is USD, as Segment
 * has it.
 */
export function readRevenue(event: string, message: JsonObject): Revenue | undefined {
  const names = AMOUNTS.get(event);
  if (names === undefined) return undefined;
  const properties = asObject(message.properties);
  for (const name of names) {
    const amount = amountOf(properties[name]);
    if (amount === undefined) continue;
    return { revenue: amount, currency: currencyOf(properties.currency) };
  }
  return undefined;
}

/** A map: of an object, an event named `constructor` would find what every object has. */
const AMOUNTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['Purchase', ['amount', 'revenue', 'total']],
  ['purchase', ['amount', 'revenue', 'total']],
  ['Order Completed', ['revenue', 'total', 'amount']],
]);

/** Names of the events that may bring something in. */
export const REVENUE_EVENTS: readonly string[] = [...AMOUNTS.keys()];

function amountOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : value;
  if (text === '' || (typeof text !== 'number' && typeof text !== 'string')) return undefined;
  const amount = Number(text);
  if (!Number.isFinite(amount) || Math.abs(amount) >= LARGEST) return undefined;
  const fixed = amount.toFixed(4).replace(/\.?0+$/, '');
  return fixed === '-0' ? '0' : fixed;
}

function currencyOf(value: unknown): string {
  if (typeof value !== 'string' || !/^[a-z]{3}$/i.test(value)) return 'USD';
  return value.toUpperCase();
}
