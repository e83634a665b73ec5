// A new history query: a source and a target, each copied from a connector or of a type, and then all settings.
import { get, leave, post } from '../api.js';
import { $, h, setText, show } from '../dom.js';
import { has, plural, t } from '../text.js';
import { toast } from '../toast.js';
import { typeName } from '../connector/labels.js';
import { QueryForm } from './form.js';

const CATEGORIES = ['file', 'api', 'iot', 'database', 'debug'];
const DAY = 86_400_000;
const SLOW = { seconds: 120 };

export async function makeNew(context) {
  const query = new URLSearchParams(location.search);
  setText($('#connector-name'), t('histories.create'));
  show($('#connector-state'), false);
  if (query.get('duplicate')) return draft(context, await duplicated(query.get('duplicate')), { duplicate: query.get('duplicate') });
  const [south, north] = [query.get('south') ?? '', query.get('north') ?? ''];
  if (south && north) return draft(context, await composed(south, north), { south: idOf(south), north: idOf(north) });
  return choose();
}

// A choice is "id:…" for a connector that is there, "type:…" for a new one.
const idOf = (choice) => (choice.startsWith('id:') ? choice.slice(3) : undefined);
const typeOf = (choice) => choice.replace(/^type:/, '');

async function choose() {
  const [souths, norths, southTypes, northTypes] = await Promise.all([get('/api/south'), get('/api/north'), get('/api/south/types'), get('/api/north/types')]);
  const reads = southTypes.filter(({ modes }) => modes.history);
  fill('south', souths.filter(({ type }) => reads.some(({ id }) => id === type)), reads);
  fill('north', norths, northTypes);
  const form = $('#choice form');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const chosen = new URLSearchParams({ south: $('#choice-south').value, north: $('#choice-north').value });
    for (const side of ['south', 'north']) {
      const missing = !chosen.get(side);
      setText($(`#choice-${side}-error`), missing ? t('invalid.required') : '');
      show($(`#choice-${side}-error`), missing);
    }
    if (chosen.get('south') && chosen.get('north')) location.assign(`/history/new?${chosen}`);
    else $(chosen.get('south') ? '#choice-north' : '#choice-south').focus();
  });
  show($('#choice'), true);
  $('#choice-south').focus();
}

function fill(side, there, types) {
  const select = $(`#choice-${side}`);
  const installed = $('#connector').dataset[`${side}s`].split(',').filter(Boolean);
  select.add(new Option(t('field.choose'), ''));
  if (there.length) select.append(h('optgroup', { label: t(`history.copy.${side}`) }, ...there.map(({ id, name, type }) => new Option(`${name} (${typeName(type)})`, `id:${id}`))));
  for (const category of CATEGORIES) {
    const found = types.filter(({ id, category: of }) => of === category && (!installed.length || installed.includes(id)));
    const title = has(`category.${category}`) ? t(`category.${category}`) : category;
    if (found.length) select.append(h('optgroup', { label: t('history.newOf', { category: title }) }, ...found.map(({ id }) => new Option(typeName(id), `type:${id}`))));
  }
}

// itemsOf says how many items there are to copy. They never come here: there may be 100,000.
const itemsOf = async (path) => (await get(`${path}/items/search`, { page: 0 })).totalElements;

async function composed(southChoice, northChoice) {
  const now = Date.now();
  const path = idOf(southChoice) && `/api/south/${encodeURIComponent(idOf(southChoice))}`;
  const [south, north, items] = await Promise.all([
    path ? get(path, { items: 'false' }) : undefined,
    idOf(northChoice) ? get(`/api/north/${encodeURIComponent(idOf(northChoice))}`) : undefined,
    path ? itemsOf(path) : 0,
  ]);
  return {
    description: '', queryTimeRange: { startTime: new Date(now - DAY).toISOString(), endTime: new Date(now).toISOString(), maxReadInterval: 3600, readDelay: 200 },
    southType: south?.type ?? typeOf(southChoice), southSettings: south?.settings, northType: north?.type ?? typeOf(northChoice), northSettings: north?.settings,
    caching: north?.caching, northTransformers: [], itemsCopied: items,
  };
}

async function duplicated(from) {
  const path = `/api/history/${encodeURIComponent(from)}`;
  const [source, itemsCopied] = await Promise.all([get(path, { items: 'false' }), itemsOf(path)]);
  const northTransformers = source.northTransformers.map(({ transformer, options, items }) => ({ id: '', transformerId: transformer.id, options, items: items.map(({ id, name, enabled }) => ({ id, name, enabled })) }));
  return { ...source, name: t('connector.copyOf', { name: source.name }), itemsCopied, northTransformers };
}

async function draft(context, one, from) {
  const [south, north] = await Promise.all([get(`/api/south/manifests/${encodeURIComponent(one.southType)}`), get(`/api/north/manifests/${encodeURIComponent(one.northType)}`)]);
  setText($('#connector-about'), `${typeName(one.southType)} → ${typeName(one.northType)}`);
  const form = new QueryForm($('#settings-form'), { south, north, context: { ...context, kept: false }, from, submit: (values) => create(one, from, values) });
  form.show(one);
  setText($('#new-items'), one.itemsCopied ? plural('history.itemsCopied', one.itemsCopied) : t('history.itemsLater'));
  show($('#new-items'), true);
  show($('#panel-settings'), true);
  $('#settings-form input')?.focus();
}

async function create(one, from, { reset, ...values }) {
  const asked = new URLSearchParams({ fromSouth: from.south ?? '', fromNorth: from.north ?? '', duplicate: from.duplicate ?? '', ...((from.south || from.duplicate) && { items: 'copy' }) });
  const made = await post(`/api/history?${asked}`, { ...values, southType: one.southType, northType: one.northType, items: [], northTransformers: one.northTransformers }, SLOW);
  toast(t('connector.saved', { name: made.name }));
  leave(`/history/${made.id}#${one.itemsCopied ? 'status' : 'items'}`);
}
