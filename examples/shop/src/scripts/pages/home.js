import { startAddButtons } from '../add-buttons.js';
import { drawProduct } from '../art.js';
import { findProduct, PRODUCTS } from '../catalogue.js';
import { startFrame } from '../frame.js';
import { productCard } from '../product-card.js';

startFrame();
startAddButtons();
document.querySelector('.hero-art').innerHTML = drawProduct({
  ...findProduct('weir-dripper'),
  accent: '#efd9a7',
});
document.querySelector('#shelf').innerHTML = PRODUCTS.filter((_, i) => i % 2 === 0 || i === 3)
  .slice(0, 4)
  .map(productCard)
  .join('');
