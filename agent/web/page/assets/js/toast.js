// Short messages about the result of what the person just did. Screen readers hear them through the live region.
import { $, clone } from './dom.js';
import { said } from './said.js';

const SHOWN = 5000; // ms; a failure stays until it is dismissed
const MOST = 4;

export function toast(text, { bad = false } = {}) {
  const area = $('#toasts');
  const item = clone($('#toast-row'));
  item.classList.toggle('toast-bad', bad);
  $('p', item).textContent = text;
  $('button', item).addEventListener('click', () => item.remove());
  // Above an open dialog nothing shows but what is inside of it.
  ($('dialog[open]') ?? document.body).append(area);
  area.append(item);
  while (area.children.length > MOST) area.firstElementChild.remove();
  if (!bad) setTimeout(() => item.remove(), SHOWN);
}

// complain shows why something failed; nothing when the person was told already or the page is being left.
export function complain(error) {
  if (error.name === 'AbortError' || error.offline || error.status === 401 || error.status === 403) return;
  toast(said(error.message), { bad: true });
}
