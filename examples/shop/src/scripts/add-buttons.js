import { addToCart } from './cart.js';

/** Buttons with `data-add` put what they name into the cart. */
export function startAddButtons() {
  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('[data-add]');
    if (button == null) return;
    addToCart(button.dataset.add);
    const text = button.textContent;
    button.textContent = 'Added ✓';
    button.disabled = true;
    setTimeout(() => {
      button.textContent = text;
      button.disabled = false;
    }, 900);
  });
}
