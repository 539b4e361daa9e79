import { startAddButtons } from '../add-buttons.js';
import { drawProduct } from '../art.js';
import { findProduct, formatPrice, PRODUCTS } from '../catalogue.js';
import { startFrame } from '../frame.js';
import { productCard } from '../product-card.js';
import { trackVideo } from '../track-video.js';

const product = findProduct(new URLSearchParams(location.search).get('sku')) ?? PRODUCTS[0];
const { sku, name, category, line, unit, about, price, tint } = product;
document.title = `${name} · Millrace Coffee`;
document.querySelector('#product').innerHTML = `
  <div class="product-art" style="background:${tint}">${drawProduct(product)}</div>
  <div class="product-text">
    <p class="kicker">${category}</p>
    <h1>${name}</h1>
    <p class="lead">${line}</p>
    <p>${about}</p>
    <p class="price large">${formatPrice(price)} <span class="note">${unit}</span></p>
    <p class="actions">
      <button type="button" class="button" data-add="${sku}" data-sluice-event="Click" data-sluice-target="add:${sku}"
        data-sluice-text="Add to cart">Add to cart</button>
      <a class="button quiet" href="cart.html" data-sluice-event="Click" data-sluice-target="product:cart">To the cart</a>
    </p>
  </div>`;

const film = document.querySelector('#film');
if (sku === 'weir-dripper') {
  film.hidden = false;
  trackVideo(film.querySelector('video'), { videoId: 'weir-pour-over', title: 'The Weir at work' });
} else {
  film.remove();
}
document.querySelector('#others').innerHTML = PRODUCTS.filter((other) => other !== product)
  .sort((a, b) => Number(b.category === category) - Number(a.category === category))
  .slice(0, 4)
  .map(productCard)
  .join('');

startFrame();
startAddButtons();
