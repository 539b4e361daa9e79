import { drawProduct } from '../art.js';
import { readCart, setQuantity } from '../cart.js';
import { formatPrice } from '../catalogue.js';
import { startFrame } from '../frame.js';
import { summaryRows } from '../order-summary.js';

function line({ product, quantity }) {
  const { sku, name, unit, price, tint } = product;
  return `
    <div class="line">
      <a class="line-art" style="background:${tint}" href="product.html?sku=${sku}">${drawProduct(product)}</a>
      <div class="line-text"><strong>${name}</strong><span class="note">${unit}</span></div>
      <div class="stepper" data-sluice-ignore>
        <button type="button" data-step="-1" data-sku="${sku}" aria-label="One ${name} less">−</button>
        <output>${quantity}</output>
        <button type="button" data-step="1" data-sku="${sku}" aria-label="One ${name} more">+</button>
      </div>
      <span class="price">${formatPrice(price * quantity)}</span>
    </div>`;
}

function show() {
  const { lines } = readCart();
  const isEmpty = lines.length === 0;
  document.querySelector('#lines').innerHTML = isEmpty
    ? '<div class="empty"><p class="lead">Nothing in it yet.</p><a class="button" href="search.html">To the shelves</a></div>'
    : lines.map(line).join('');
  const summary = document.querySelector('#summary');
  summary.hidden = isEmpty;
  summary.innerHTML = `${summaryRows()}
    <a class="button wide" href="checkout.html" data-sluice-event="Click" data-sluice-target="cart:checkout">To the checkout</a>`;
}

document.querySelector('#lines').addEventListener('click', (event) => {
  const { step, sku } = event.target.dataset;
  if (step === undefined) return;
  const now = readCart().lines.find(({ product }) => product.sku === sku)?.quantity ?? 0;
  setQuantity(sku, now + Number(step));
  show();
});
startFrame();
show();
