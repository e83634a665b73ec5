// Sign-in: the form works without this; here it only says that it is working and lets the password be shown.
import '../reveal.js';
import { $ } from '../dom.js';

$('#login')?.addEventListener('submit', (event) => {
  const button = $('button[type=submit]', event.target);
  button.setAttribute('aria-busy', 'true');
  window.addEventListener('pageshow', () => button.removeAttribute('aria-busy'), { once: true });
});
