import { drawProduct } from './art.js';
import { formatPrice } from './catalogue.js';

/** @param {import('./catalogue.js').Product} product */
export function productCard(product) {
  const { sku, name, category, line, price, tint } = product;
  return `
    <article class="card">
      <a class="card-link" href="product.html?sku=${sku}" data-sluice-event="Click" data-sluice-target="product:${sku}">
        <span class="card-art" style="background:${tint}">${drawProduct(product)}</span>
        <span class="card-text">
          <span class="kicker">${category}</span>
          <strong>${name}</strong>
          <span class="note">${line}</span>
        </span>
      </a>
      <div class="card-foot">
        <span class="price">${formatPrice(price)}</span>
        <button type="button" class="button small" data-add="${sku}" data-sluice-event="Click"
          data-sluice-target="add:${sku}" data-sluice-text="Add to cart" aria-label="Add ${name} to the cart">Add</button>
      </div>
    </article>`;
}
