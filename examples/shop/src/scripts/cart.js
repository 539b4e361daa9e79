import { findProduct } from './catalogue.js';

/** The cart: pieces by SKU, kept in this browser. */
const STORED_AS = 'millrace-cart';
export const FREE_SHIPPING_FROM = 60;
const SHIPPING = 4.9;

/** @returns {Record<string, number>} */
function readPieces() {
  try {
    return JSON.parse(localStorage.getItem(STORED_AS) ?? '{}');
  } catch {
    return {};
  }
}

/** @param {Record<string, number>} pieces */
function writePieces(pieces) {
  localStorage.setItem(STORED_AS, JSON.stringify(pieces));
  dispatchEvent(new Event('cart-changed'));
}

/** @param {string} sku @param {number} quantity 0 takes it out */
export function setQuantity(sku, quantity) {
  const pieces = Object.entries({ ...readPieces(), [sku]: quantity });
  writePieces(Object.fromEntries(pieces.filter(([, count]) => count > 0)));
}

/** @param {string} sku */
export function addToCart(sku) {
  setQuantity(sku, (readPieces()[sku] ?? 0) + 1);
}

export function emptyCart() {
  writePieces({});
}

/** What is in the cart, and what it costs. */
export function readCart() {
  const lines = Object.entries(readPieces()).flatMap(([sku, quantity]) => {
    const product = findProduct(sku);
    return product === undefined ? [] : [{ product, quantity }];
  });
  const goods = roundCents(lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0));
  const shipping = goods === 0 || goods >= FREE_SHIPPING_FROM ? 0 : SHIPPING;
  return {
    lines,
    pieces: lines.reduce((sum, { quantity }) => sum + quantity, 0),
    goods,
    shipping,
    total: roundCents(goods + shipping),
  };
}

/** @param {number} amount */
function roundCents(amount) {
  return Math.round(amount * 100) / 100;
}
