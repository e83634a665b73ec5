// IP filters: who may reach the page and the forward proxy, with a warning before a person locks themselves out.
import '../shell.js';
import { get } from '../api.js';
import { ask } from '../dialog.js';
import { $, clone, setText, show } from '../dom.js';
import { instant, moment } from '../format.js';
import { Editor, List } from '../list.js';
import { t } from '../text.js';

const client = document.documentElement.dataset.client;
const always = ['127.0.0.1', '::1', '::ffff:127.0.0.1'];
let all = [];

// matches follows the rule of the filters: * stands for any run of characters, everything else for itself.
function matches(pattern, address) {
  const expression = new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 'i');
  const plain = address.replace(/^::ffff:/i, '');
  return [address, plain, `::ffff:${plain}`].some((form) => expression.test(form));
}

const allowed = (filters) => always.includes(client) || filters.some((filter) => matches(filter.address, client));
// locksOut tells whether the person could no longer get in with these filters, but can now.
const locksOut = (filters) => allowed(all) && !allowed(filters);

const list = new List($('#list'), async () => {
  all = await get('/api/ip-filters');
  list.rows(all.map(row));
  return all.length ? 'rows' : 'empty';
});

const editor = new Editor({
  path: '/api/ip-filters', kind: 'ip-filters', saved: () => list.refresh({ quiet: true }),
  toForm: (filter) => filter ?? { address: '', description: '' },
  toBody: ({ address, description }) => ({ address: address.trim(), description }),
  warning: (body, changed) => {
    if (!changed || !locksOut(all.map((filter) => (filter.id === changed.id ? body : filter)))) return true;
    return ask({ title: t('ip-filters.lockout'), text: t('ip-filters.lockout.text', { client }), yes: t('ip-filters.lockout.yes'), danger: true });
  },
});

function row(filter) {
  const element = clone($('#row'), { address: filter.address, description: filter.description || '–', updated: moment(filter.updatedAt) });
  $('[data-text=updated]', element).title = instant(filter.updatedAt);
  show($('[data-you]', element), matches(filter.address, client));
  const [edit, drop] = [$('[data-edit]', element), $('[data-delete]', element)];
  edit.setAttribute('aria-label', t('ip-filters.editOne', { name: filter.address }));
  edit.addEventListener('click', () => editor.change(filter));
  drop.setAttribute('aria-label', t('ip-filters.deleteOne', { name: filter.address }));
  drop.addEventListener('click', () => {
    const rest = all.filter((other) => other.id !== filter.id);
    editor.drop(filter, locksOut(rest) ? t('ip-filters.lockout.text', { client }) : '');
  });
  return element;
}

setText($('#f-ip-filters-address-hint'), t('ip-filters.address.hint'));
list.refresh();
