// All transformers, custom ones first: what they take and make, and who uses them.
import '../shell.js';
import { get } from '../api.js';
import { $, $$, clone, h, later, show } from '../dom.js';
import { byName, transformerName } from '../connector/labels.js';
import { t } from '../text.js';
import { complain } from '../toast.js';
import { contentName, drop } from '../transformer/actions.js';
import { address, usage } from '../transformer/usage.js';

const root = $('#list');
const filters = $('#filters');
let all, users;

const state = (name) => { for (const part of $$('[data-state]', root)) show(part, part.dataset.state === name); };

function draw() {
  const name = $('#search').value.trim().toLowerCase();
  const kinds = $$('[name=kind]:checked', filters).map((box) => box.value);
  const found = all.filter((one) => (!name || `${transformerName(one)} ${one.description ?? ''} ${one.inputType} ${one.outputType}`.toLowerCase().includes(name)) && (!kinds.length || kinds.includes(one.type)));
  $('tbody', root).replaceChildren(...found.map(row));
  state(found.length ? 'rows' : 'nomatch');
}

function row(one) {
  const custom = one.type === 'custom';
  const keeps = ['iso', 'ignore'].includes(one.functionName); // take everything, and have nothing to show
  const element = clone($('#row'), {
    name: transformerName(one), about: one.description ?? '', kind: t(`transformers.kind.${one.type}`), language: custom ? t(`transformers.language.${one.language}`) : '',
    flow: keeps ? contentName('all') : `${contentName(one.inputType)} → ${contentName(one.outputType)}`,
  });
  $('.badge', element).className = `badge badge-${custom ? 'info' : 'neutral'}`;
  $('[data-link]', element).href = `/transformers/${one.id}`;
  $('[data-duplicate]', element).href = `/transformers/new?duplicate=${one.id}`;
  show($('[data-duplicate]', element), custom);
  const button = $('[data-delete]', element);
  show(button, custom);
  button.setAttribute('aria-label', t('connector.deleteOne', { name: one.name }));
  button.addEventListener('click', async () => { if (await drop(one)) load(); });
  const by = users?.get(one.id) ?? [];
  const place = $('[data-users]', element);
  for (const [i, user] of by.entries()) place.append(i ? ', ' : '', h('a', { href: address(user) }, user.name));
  if (!by.length) place.append(users ? t('transformers.unused') : '…');
  return element;
}

async function load() {
  try {
    const list = await get('/api/transformers/list');
    all = [...byName(list.filter(({ type }) => type === 'custom')), ...byName(list.filter(({ type }) => type !== 'custom'))];
    show(filters, true);
    show($('#no-custom'), all[0]?.type !== 'custom');
    draw();
    users = await usage();
    draw();
  } catch (error) {
    if (all) return complain(error);
    $('[data-failure]', root).textContent = error.message;
    state('failed');
  }
}

$('[data-retry]', root).addEventListener('click', load);
filters.addEventListener('input', later(draw, 100));
filters.addEventListener('submit', (event) => event.preventDefault());
$('[data-clear]', root).addEventListener('click', () => {
  filters.reset();
  draw();
});
load();
