import { track } from '../analytics.js';
import { emptyCart, readCart } from '../cart.js';
import { startFrame } from '../frame.js';
import { summaryRows } from '../order-summary.js';

const VOUCHER = 'MILLPOND';

const form = document.querySelector('#checkout');
const coupon = () => (form.elements.coupon.value.trim().toUpperCase() === VOUCHER ? VOUCHER : undefined);
const discount = () => (coupon() === undefined ? 0 : Math.round(readCart().goods * 10) / 100);

function show() {
  const { lines } = readCart();
  document.querySelector('#summary').innerHTML = `
    <ul class="mini-lines">${lines
      .map(({ product, quantity }) => `<li>${quantity} × ${product.name}</li>`)
      .join('')}</ul>${summaryRows(discount())}`;
}

form.addEventListener('input', show);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { lines, shipping, total } = readCart();
  const orderId = `M-${crypto.randomUUID().slice(0, 8).toUpperCase()}`;
  // At once on to the next page: what `track` was given is stored before it is sent.
  track('Purchase', {
    orderId,
    amount: Math.round((total - discount()) * 100) / 100,
    currency: 'EUR',
    items: lines.map(({ product, quantity }) => ({
      sku: product.sku,
      name: product.name,
      category: product.category,
      quantity,
      price: product.price,
    })),
    shipping,
    ...(coupon() !== undefined && { coupon: coupon(), discount: discount() }),
  });
  emptyCart();
  location.assign(`thanks.html?order=${orderId}`);
});

startFrame();
if (readCart().pieces === 0) location.replace('cart.html');
else show();
