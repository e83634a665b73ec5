// Small helpers around the document. Nothing here writes HTML: text stays text.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function show(element, visible) {
  if (element) element.hidden = !visible;
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// clone makes the first element of a <template>, with texts put where it says data-text="name".
export function clone(template, texts = {}) {
  const element = template.content.firstElementChild.cloneNode(true);
  fillText(element, texts);
  return element;
}

export function fillText(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const target of $$(`[data-text="${name}"]`, root)) setText(target, text ?? '');
  }
}

// h makes an element: h('li', { class: 'x' }, 'text', child).
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// later calls action once, ms after the last of a burst of calls.
export function later(action, ms) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(action, ms, ...args);
  };
}

// copy puts text on the clipboard, also on plain HTTP where the modern way is not allowed.
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = h('textarea', { class: 'visually-hidden', 'aria-hidden': 'true' });
  area.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('cannot copy');
}

// download hands text to the person as a file.
export function download(name, text, type = 'text/plain') {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
