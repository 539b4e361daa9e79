import { readCart } from './cart.js';
import { startConsentBanner } from './consent.js';
import { startEventLog } from './event-log.js';

/** What every page of the shop has around its content. */

const NAVIGATION = [
  ['search.html', 'All goods'],
  ['search.html?category=Beans', 'Beans'],
  ['search.html?category=Brewing', 'Brewing'],
  ['product.html?sku=weir-dripper', 'The Weir'],
];

function header() {
  const customer = localStorage.getItem('millrace-customer');
  const links = NAVIGATION.map(
    ([href, text]) =>
      `<a href="${href}" data-sluice-event="Click" data-sluice-target="nav:${text}">${text}</a>`,
  ).join('');
  return `
    <a class="brand" href="./" aria-label="Millrace Coffee, home">
      <svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="16" fill="var(--river)"/>
        <path d="M4 15c4-4 8 4 12 0s8 4 12 0M4 21c4-4 8 4 12 0s8 4 12 0" fill="none" stroke="#f6f1e7" stroke-width="2.4" stroke-linecap="round"/></svg>
      Millrace
    </a>
    <nav aria-label="Main">${links}</nav>
    <form class="quick-search" action="search.html" role="search" data-sluice-ignore>
      <input name="q" type="search" placeholder="Search" aria-label="Search the shop">
    </form>
    <a class="text-link account" href="login.html">${customer === null ? 'Sign in' : 'My account'}</a>
    <a class="cart-link" href="cart.html" data-sluice-event="Click" data-sluice-target="nav:cart">
      Cart <span class="badge" data-cart-pieces></span>
    </a>`;
}

const FOOTER = `
  <div class="footer-columns">
    <section>
      <h2>Millrace Coffee</h2>
      <p>Roasted on Tuesdays beside the old mill. This shop shows what Sluice does: nothing you order here is ever
        delivered, except its events.</p>
    </section>
    <section>
      <h2>Read on</h2>
      <ul>
        <li><a href="media/brew-guide.txt" download>Brew guide (text)</a></li>
        <li><a href="https://www.rfc-editor.org/rfc/rfc2324" target="_blank" rel="noopener">How coffee pots talk</a></li>
        <li><button class="text-link" type="button" data-open-consent>Your choice on counting</button></li>
      </ul>
    </section>
    <section>
      <h2>Roasting days</h2>
      <form id="newsletter" name="newsletter" class="inline-form">
        <input type="email" name="email" placeholder="you@example.com" aria-label="E-mail address" required>
        <button class="button small">Tell me</button>
      </form>
      <p class="note" role="status" id="newsletter-note"></p>
    </section>
  </div>`;

/** Fills the frame of the page that this script is on. */
export function startFrame() {
  document.querySelector('footer').innerHTML = FOOTER;
  const showHeader = () => {
    document.querySelector('header').innerHTML = header();
    showPieces();
  };
  const showPieces = () => {
    const badge = document.querySelector('[data-cart-pieces]');
    const { pieces } = readCart();
    badge.textContent = String(pieces);
    badge.toggleAttribute('hidden', pieces === 0);
  };
  showHeader();
  addEventListener('customer-changed', showHeader);
  addEventListener('cart-changed', showPieces);
  // Another tab, or the back-forward cache, may show an older cart.
  addEventListener('storage', showPieces);
  addEventListener('pageshow', showPieces);
  document.querySelector('#newsletter').addEventListener('submit', (event) => {
    event.preventDefault();
    event.target.reset();
    document.querySelector('#newsletter-note').textContent = 'Noted. We write when the drum is warm.';
  });
  startConsentBanner();
  startEventLog();
}
