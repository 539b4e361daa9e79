import { FREE_SHIPPING_FROM, readCart } from './cart.js';
import { formatPrice } from './catalogue.js';

/**
 * What an order costs, as rows.
 * @param {number} discount
 */
export function summaryRows(discount = 0) {
  const { goods, shipping, total } = readCart();
  const missing = FREE_SHIPPING_FROM - goods;
  const row = (text, amount, kind = '') =>
    `<p class="row ${kind}"><span>${text}</span><span>${amount}</span></p>`;
  return [
    row('Goods', formatPrice(goods)),
    discount > 0 ? row('Voucher', `−${formatPrice(discount)}`) : '',
    row('Slow post', shipping === 0 ? 'free' : formatPrice(shipping)),
    row('In all', formatPrice(total - discount), 'total'),
    missing > 0 && goods > 0 ? `<p class="note">${formatPrice(missing)} more, and the post is free.</p>` : '',
  ].join('');
}
