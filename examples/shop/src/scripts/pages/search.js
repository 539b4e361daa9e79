import { startAddButtons } from '../add-buttons.js';
import { track } from '../analytics.js';
import { CATEGORIES, searchProducts } from '../catalogue.js';
import { startFrame } from '../frame.js';
import { productCard } from '../product-card.js';

startFrame();
startAddButtons();

const form = document.querySelector('#search');
form.elements.category.innerHTML = ['', ...CATEGORIES]
  .map((category) => `<option value="${category}">${category || 'All shelves'}</option>`)
  .join('');

/** Shows what the address asks for; a search that somebody made is an event, a shelf that somebody opened is none. */
function showResults() {
  const parameters = new URLSearchParams(location.search);
  const query = parameters.get('q') ?? '';
  const category = parameters.get('category') ?? '';
  // Somebody may have typed before this script was there.
  if (document.activeElement !== form.elements.q) form.elements.q.value = query;
  form.elements.category.value = CATEGORIES.includes(category) ? category : '';
  const found = searchProducts(query, form.elements.category.value);
  document.querySelector('#result-title').textContent = query === '' ? category || 'All goods' : `“${query}”`;
  document.querySelector('#result-note').textContent =
    found.length === 0
      ? 'Nothing on the shelves. Perhaps with fewer words?'
      : `${found.length} ${found.length === 1 ? 'thing' : 'things'} on the shelves`;
  document.querySelector('#results').innerHTML = found.map(productCard).join('');
  if (query !== '') {
    track('Search', {
      query,
      results: found.length,
      ...(category !== '' && { filters: { category } }),
    });
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const parameters = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== '') parameters.set(name, value);
  history.pushState(null, '', `search.html?${parameters}`);
  showResults();
});
addEventListener('popstate', showResults);
showResults();
