// What the page of one South, North or history query is about, as its element says: kind, id, and where in the REST API.
import { $, $$, show } from '../dom.js';

export const root = $('#connector');
export const { kind, id } = root.dataset;
export const base = `/api/${kind}/${encodeURIComponent(id)}`;
export const isNew = id === 'new';

// state shows one of the states of a part of the page.
export function state(part, name) {
  for (const element of $$('[data-state]', part)) show(element, element.dataset.state === name);
}

// whole shows one of the states of the page itself, or none.
export function whole(name) {
  for (const element of root.querySelectorAll(':scope > [data-state]')) show(element, element.dataset.state === name);
}
