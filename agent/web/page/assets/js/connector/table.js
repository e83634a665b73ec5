// The list of all Souths or all Norths: state, throughput and last error, live; start, stop, duplicate, delete.
import '../shell.js';
import { get, post, remove } from '../api.js';
import { $, $$, clone, fillText, later, show } from '../dom.js';
import { ask } from '../dialog.js';
import { instant, relativeTo } from '../format.js';
import { t } from '../text.js';
import { complain, toast } from '../toast.js';
import { typeName } from './labels.js';
import { perSecond, total } from './rate.js';
import { condition, flow, rate, serverNow, watch } from './live.js';

export function connectorList(kind) {
  const root = $('#list');
  const filters = $('#filters');
  const rows = new Map(); // id → element
  let all;

  const state = (name) => { for (const part of $$('[data-state]', root)) show(part, part.dataset.state === name); };

  function draw() {
    if (!all) return;
    const name = $('#search').value.trim().toLowerCase();
    const states = $$('[name=state]:checked', filters).map((box) => box.value);
    const found = all.filter((c) => (!name || `${c.name} ${c.type} ${c.description}`.toLowerCase().includes(name)) && (!states.length || states.includes(condition(c).filter)));
    const body = $('tbody', root);
    const elements = found.map((c) => {
      if (!rows.has(c.id)) rows.set(c.id, make(c));
      update(rows.get(c.id), c);
      return rows.get(c.id);
    });
    if (elements.length !== body.children.length || elements.some((e, i) => body.children[i] !== e)) body.replaceChildren(...elements);
    show(filters, all.length > 0);
    state(!all.length ? 'empty' : found.length ? 'rows' : 'nomatch');
  }

  function make(c) {
    const element = clone($('#row'));
    element.dataset.id = c.id;
    $('[data-link]', element).href = `/${kind}s/${c.id}`;
    $('[data-duplicate]', element).href = `/${kind}s/new?duplicate=${c.id}`;
    $('[data-toggle]', element).addEventListener('click', () => toggle(element.of));
    $('[data-delete]', element).addEventListener('click', () => drop(element.of));
    return element;
  }

  function update(element, c) {
    element.of = c;
    const { tone, word } = condition(c);
    const last = c.metrics?.lastRunStart ?? c.metrics?.lastConnection;
    fillText(element, {
      name: c.name, about: [typeName(c.type), c.description].filter(Boolean).join(' · '), state: t(`connector.state.${word}`), error: c.enabled ? c.state.lastError : '',
      rate: perSecond(kind, rate(c.id)), total: total(kind, c.metrics),
      last: last ? relativeTo(last, serverNow()) : '–',
    });
    $('.badge', element).className = `badge badge-${tone}`;
    $('[data-text=error]', element).title = c.state.lastErrorAt ? instant(c.state.lastErrorAt) : '';
    $('[data-text=last]', element).title = last ? instant(last) : '';
    const button = $('[data-toggle]', element);
    button.setAttribute('aria-label', t(c.enabled ? 'connector.stopOne' : 'connector.startOne', { name: c.name }));
    show($('.when-on', button), c.enabled);
    show($('.when-off', button), !c.enabled);
    $('[data-delete]', element).setAttribute('aria-label', t('connector.deleteOne', { name: c.name }));
    flow($('.spark', element), c.id, 96, 24);
  }

  async function toggle(c) {
    if (c.enabled && !(await ask({ title: t('connector.stop.title', { name: c.name }), text: t(`${kind}s.stop.text`), yes: t('connector.stop') }))) return;
    try {
      await post(`/api/${kind}/${c.id}/${c.enabled ? 'stop' : 'start'}`);
    } catch (error) {
      complain(error);
    }
    load();
  }

  async function drop(c) {
    if (!(await dropConnector(kind, c))) return;
    rows.delete(c.id);
    load();
  }

  async function load() {
    try {
      all = (await get('/api/connectors'))[`${kind}s`];
      draw();
    } catch (error) {
      $('[data-failure]', root).textContent = error.message;
      if (!all) state('failed');
    }
  }

  $('[data-retry]', root).addEventListener('click', load);
  filters.addEventListener('input', later(draw, 100));
  filters.addEventListener('submit', (event) => event.preventDefault());
  $('[data-clear]', root).addEventListener('click', () => {
    filters.reset();
    draw();
  });
  load().then(() => watch((live) => {
    all = live[`${kind}s`];
    draw();
  }));
}

// dropConnector asks and deletes; it tells whether it did.
export async function dropConnector(kind, c) {
  if (!(await ask({ title: t('connector.delete.title', { name: c.name }), text: t(`${kind}s.delete.text`), yes: t('action.delete'), danger: true }))) return false;
  try {
    await remove(`/api/${kind}/${c.id}`);
    toast(t('connector.deleted', { name: c.name }));
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
