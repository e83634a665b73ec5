// The settings of one South, North or history query on paper: every setting that applies by its name, its groups or
// bindings and its items, whatever tab is open. It is drawn when it is asked for, and gone when the printer has it.
import { get } from '../api.js';
import { $, h } from '../dom.js';
import { fromLocalTime, instant, number, timeZoneName } from '../format.js';
import { serverNow } from '../live.js';
import { plural, t } from '../text.js';
import { complain } from '../toast.js';
import { base, kind } from './base.js';
import { choice, label, transformerName, typeName } from './labels.js';
import { unitName } from './fields.js';
import { drawObject } from './manifest.js';

const MOST = 1000; // items on paper; the table of all of them is what the export is for

// onPrint lets the button print. parts answers [title, attribute of a manifest, values] of what is set.
export function onPrint(one, context, parts) {
  const button = $('#print');
  button.addEventListener('click', async () => {
    button.setAttribute('aria-busy', 'true');
    try {
      const sheet = await draw(one(), context, parts());
      $('.sheet')?.remove();
      $('#main').append(sheet);
      document.body.classList.add('printing');
      window.addEventListener('afterprint', () => {
        document.body.classList.remove('printing');
        sheet.remove();
      }, { once: true });
      button.removeAttribute('aria-busy');
      window.print();
    } catch (error) {
      complain(error);
    } finally {
      button.removeAttribute('aria-busy');
    }
  });
}

async function draw(one, context, parts) {
  const bus = $('.side .brand-name').textContent;
  const now = new Date(serverNow()).toISOString();
  return h('article', { class: 'sheet' },
    h('header', {}, h('h1', {}, one.name), h('p', {}, [one.type ? typeName(one.type) : `${typeName(one.southType)} → ${typeName(one.northType)}`, one.description].filter(Boolean).join(' · ')),
      h('p', { class: 'muted' }, t('print.about', { name: bus, version: document.documentElement.dataset.version, at: instant(now), zone: timeZoneName }))),
    ...parts.filter(([, , values]) => values).map(([title, attribute, values]) => section(title, listed(drawObject(attribute, '', values, { ...context, kept: true })))),
    ...groups(one), ...bindings(one), ...(kind === 'north' ? [] : [await items(context)]));
}

const section = (title, ...content) => h('section', {}, h('h2', {}, title), ...content);

// listed writes out the settings of a form that apply, those inside of others below them.
function listed(node) {
  const list = h('dl', { class: 'sheet-list' });
  for (const part of node.nodes) {
    if (part.element.hidden) continue;
    if (part.nodes) list.append(h('div', { class: 'wide' }, h('dt', {}, label(part.attribute)), h('dd', {}, listed(part))));
    else if (part.attribute.type === 'array') list.append(h('div', { class: 'wide' }, h('dt', {}, label(part.attribute)), h('dd', {}, elements(part))));
    else list.append(h('div', {}, h('dt', {}, label(part.attribute)), h('dd', {}, shown(part))));
  }
  return list;
}

function elements(part) {
  const values = part.read();
  if (!values.length) return t('field.noElements');
  return h('ol', {}, ...values.map((value) => h('li', {}, listed(drawObject({ ...part.attribute.rootAttribute, displayProperties: {} }, '', value, { kept: true })))));
}

// shown is the value of a control as a person reads it. A secret never leaves the agent, so paper only says so.
function shown({ attribute, control }) {
  if (attribute.type === 'secret') return t('print.secret');
  if (control.type === 'checkbox') return t(control.checked ? 'print.yes' : 'print.no');
  if (control.type === 'datetime-local' && control.value) return instant(fromLocalTime(control.value));
  const text = control.tagName === 'SELECT' ? control.selectedOptions[0]?.textContent : control.value;
  if (!text) return '–';
  return control.tagName === 'TEXTAREA' ? h('pre', {}, text) : [text, unitName(attribute.unit)].filter(Boolean).join(' ');
}

function table(titles, rows) {
  return h('table', { class: 'table' }, h('thead', {}, h('tr', {}, ...titles.map((title) => h('th', { scope: 'col' }, title)))), h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((cell) => h('td', {}, cell))))));
}

function groups({ groups: list }) {
  if (kind !== 'south' || !list?.length) return [];
  return [section(t('south.tab.groups'), table([t('groups.name'), t('items.scanMode')], list.map(({ standardSettings: s }) => [s.name, s.scanMode?.name ?? '–'])))];
}

function bindings(one) {
  const list = one.transformers ?? one.northTransformers;
  if (!list?.length) return [];
  const from = ({ source, items: some }) => (source ? source.south?.name ?? t(`links.type.${source.type}`) : plural('print.items', some.length));
  return [section(t('transformers.title'), table([t('links.source'), t('links.transformer')], list.map((link) => [from(link), transformerName(link.transformer) || '–'])))];
}

const empty = (value) => value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length);

// inside is what is set among attributes, in a line of words.
const inside = (attributes, values) => attributes.filter(({ key }) => !empty(values?.[key])).map((one) => t('print.pair', { name: label(one), value: said(one, values[one.key]) })).join(' · ');

function said(attribute, value) {
  if (attribute.type === 'object') return `(${inside(attribute.attributes, value)})`;
  if (attribute.type === 'array') return value.map((one) => `(${inside(attribute.rootAttribute.attributes, one)})`).join(' ');
  if (typeof value === 'boolean') return t(value ? 'print.yes' : 'print.no');
  return attribute.type === 'string-select' ? choice(attribute, value) : String(value);
}

async function items(context) {
  const rows = [];
  let found, page = 0;
  do {
    found = await get(`${base}/items/search`, { sort: kind === 'south' ? 'name' : '', page: page++ });
    rows.push(...found.content);
  } while (rows.length < Math.min(MOST, found.totalElements) && found.content.length);
  const settings = context.itemSettings;
  const south = kind === 'south';
  const cut = rows.length < found.totalElements ? [h('p', { class: 'muted' }, t('print.cut', { shown: number(rows.length), total: number(found.totalElements) }))] : [];
  const titles = [t('items.name'), t('items.enabled'), ...(south ? [t('items.scanMode'), t('items.group')] : []), t('connector.settings')];
  return section(plural('print.items', found.totalElements), ...cut, table(titles, rows.map((item) => [item.name, t(item.enabled ? 'print.yes' : 'print.no'), ...(south ? [item.scanMode?.name ?? '–', item.group?.standardSettings?.name ?? item.group?.name ?? ''] : []), inside(settings.attributes, item.settings)])));
}
