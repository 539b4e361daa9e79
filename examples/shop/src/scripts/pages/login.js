import { analytics, track } from '../analytics.js';
import { startFrame } from '../frame.js';

const STORED_AS = 'millrace-customer';
const form = document.querySelector('#login');
const account = document.querySelector('#account');
const fault = document.querySelector('#login-fault');

function show() {
  dispatchEvent(new Event('customer-changed'));
  const customer = localStorage.getItem(STORED_AS);
  form.hidden = customer !== null;
  account.hidden = customer === null;
  document.querySelector('#login-title').textContent = customer === null ? 'Sign in' : 'Your account';
  document.querySelector('#greeting').textContent = `Good to see you, ${customer}.`;
}

function signIn(method) {
  const customer = form.elements.customer.value.trim();
  track('Login', { method, success: true });
  analytics.identify(`customer-${customer.toLowerCase().replace(/\W+/g, '-')}`, { plan: 'regular' });
  localStorage.setItem(STORED_AS, customer);
  show();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const isWrong = form.elements.password.value === 'wrong';
  fault.hidden = !isWrong;
  fault.textContent = 'That password is not the one we know.';
  if (isWrong) track('Login', { method: 'password', success: false });
  else signIn('password');
});
document.querySelector('#magic-link').addEventListener('click', () => {
  if (form.elements.customer.reportValidity()) signIn('link');
});
document.querySelector('#sign-out').addEventListener('click', () => {
  localStorage.removeItem(STORED_AS);
  analytics.reset();
  form.reset();
  show();
});
startFrame();
show();
