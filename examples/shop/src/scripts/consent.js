import { analytics } from './analytics.js';

const STORED_AS = 'millrace-consent';

/** The answer of this browser: 'granted', 'denied' or, while nobody has answered, null. */
export function readChoice() {
  return localStorage.getItem(STORED_AS);
}

/** Asks once, and again when the visitor wants to change the answer. */
export function startConsentBanner() {
  const banner = document.createElement('section');
  banner.className = 'consent';
  banner.setAttribute('aria-label', 'Your choice on counting');
  banner.setAttribute('data-sluice-ignore', '');
  banner.innerHTML = `
    <p><strong>May we count?</strong> Which pages and goods are looked at, kept on this shop's own server. Nothing is
      stored or sent before you answer.</p>
    <div><button type="button" class="button small" data-choice="granted">Yes, count</button>
      <button type="button" class="button small quiet" data-choice="denied">No, thanks</button></div>`;
  banner.hidden = readChoice() !== null;
  banner.addEventListener('click', (event) => {
    const choice = event.target.dataset?.choice;
    if (choice === undefined) return;
    localStorage.setItem(STORED_AS, choice);
    if (choice === 'granted') analytics.consent.grant();
    else analytics.consent.deny();
    banner.hidden = true;
  });
  document.body.append(banner);
  document.querySelector('[data-open-consent]').addEventListener('click', () => {
    banner.hidden = false;
    banner.querySelector('button').focus();
  });
}
