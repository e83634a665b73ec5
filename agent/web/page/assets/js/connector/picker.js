// Items that are searched for and chosen, for bindings that are for some items only.
import { get } from '../api.js';
import { $, h, later } from '../dom.js';
import { t } from '../text.js';
import { complain } from '../toast.js';

const SHOWN = 20;

// itemPicker fills the lists of the dialog of bindings. from answers where items are searched.
export function itemPicker(from) {
  const picked = new Map(); // id → item

  function draw() {
    $('#link-picked').replaceChildren(...[...picked.values()].map((item) => {
      const button = h('button', { type: 'button', class: 'chip-button', 'aria-label': t('links.unpick', { name: item.name }) }, `${item.name} ×`);
      button.addEventListener('click', () => {
        picked.delete(item.id);
        draw();
      });
      return h('li', {}, button);
    }));
  }

  const search = later(async () => {
    try {
      const found = await get(`${from()}/items/search`, { name: $('#link-item-search').value.trim() });
      $('#link-found').replaceChildren(...found.content.slice(0, SHOWN).map(offer));
    } catch (error) {
      complain(error);
    }
  }, 200);

  function offer(item) {
    const button = h('button', { type: 'button', class: 'pick', 'aria-pressed': String(picked.has(item.id)) }, item.name);
    button.addEventListener('click', () => {
      if (picked.has(item.id)) picked.delete(item.id);
      else picked.set(item.id, item);
      button.setAttribute('aria-pressed', String(picked.has(item.id)));
      draw();
    });
    return h('li', {}, button);
  }

  $('#link-item-search').addEventListener('input', search);
  $('#link-item-search').addEventListener('focus', search);
  return {
    get items() { return [...picked.values()]; },
    set(items) {
      picked.clear();
      for (const item of items) picked.set(item.id, item);
      $('#link-found').replaceChildren();
      draw();
    },
    draw() {
      $('#link-found').replaceChildren();
      draw();
    },
  };
}
