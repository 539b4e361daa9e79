import { startFrame } from '../frame.js';

const order = new URLSearchParams(location.search).get('order') ?? '';
document.querySelector('#receipt').textContent = /^M-[0-9A-F]{8}$/.test(order)
  ? `Order ${order} is in the book. We roast on Tuesday.`
  : 'Your order is in the book. We roast on Tuesday.';
startFrame();
