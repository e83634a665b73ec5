// Import of a table of items: what would become of it is shown before anything is changed.
import { Failure, get } from '../api.js';
import { $, h, setText, show } from '../dom.js';
import { openDialog } from '../dialog.js';
import { number } from '../format.js';
import { plural, t } from '../text.js';
import { toast } from '../toast.js';
import { attribute, group, ManifestForm } from './manifest.js';
import { base, kind } from './base.js';

const SHOWN = 20; // items of a table that are shown
const ERRORS = 500;
const DELIMITERS = [[',', ','], [';', ';'], ['|', '|'], ['\t', 'Tab']];
const dialog = $('#import');
const file = h('input', { type: 'file', accept: '.csv,text/csv,text/plain', id: 'import-file' });
let form, imported, shared;

export function openImport(of, done) {
  [shared, imported] = [of, done];
  form ??= new ManifestForm($('form', dialog), { submit: run, guarded: false });
  file.value = '';
  form.draw({ table: [$('#import-fields'), group('', [
    attribute('choice', 'delimiter', { columns: 6, pairs: DELIMITERS, defaultValue: ',' }), attribute('boolean', 'replace', { columns: 6, defaultValue: false }),
  ])] });
  $('#import-fields').prepend(h('div', { class: 'field' }, h('label', { for: 'import-file' }, t('items.import.file')), file));
  for (const control of [file, ...$('#import-fields').querySelectorAll('select, input[type=checkbox]')]) control.onchange = preview;
  show($('#import-preview'), false);
  setText($('#import-busy'), '');
  ready(false);
  openDialog(dialog);
  file.focus();
}

const ready = (yes) => { $('button[type=submit]', dialog).disabled = !yes; };

const plain = kind === 'history';
let checked; // items of the table as the REST API wants them, for a history query

// check shows what would become of the table.
async function check() {
  const { delimiter, replace } = form.read().table;
  const table = { delimiter, deleteItemsNotPresent: String(replace), itemsToImport: file.files[0] };
  if (!plain) return send(`${base}/items/import/preview`, table);
  const current = (await get(`${base}/items/list`)).map(({ id, name, enabled, settings }) => ({ id, name, enabled, settings }));
  const { items, errors } = await send(`/api/history/${shared.southType}/items/import/check`, { ...table, currentItems: JSON.stringify(current) });
  checked = items;
  return { count: items.length, items: items.slice(0, SHOWN), errorCount: errors.length, errors: errors.slice(0, ERRORS) };
}

// put puts the table into the South or history query, and answers how many items it has.
async function put() {
  const { delimiter, replace } = form.read().table;
  if (!plain) return send(`${base}/items/import/table`, { delimiter, deleteItemsNotPresent: String(replace), itemsToImport: file.files[0] });
  await send(`${base}/items/import`, { items: JSON.stringify(checked), deleteItemsNotPresent: String(replace) });
  return { count: checked.length };
}

// send posts a form; multipart, because tables can be long.
async function send(path, values) {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) data.set(name, value);
  let answer;
  try {
    answer = await fetch(path, { method: 'POST', credentials: 'same-origin', headers: { Accept: 'application/json' }, body: data });
  } catch {
    throw new Failure(0, t('failure.offline'));
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const { message, error } = body;
  throw new Failure(answer.status, (typeof message === 'object' ? Object.values(message ?? {})[0]?.message : message) ?? error ?? t('failure.status', { status: answer.status }));
}

async function preview() {
  ready(false);
  form.fail('');
  show($('#import-preview'), false);
  if (!file.files.length) return;
  setText($('#import-busy'), t('items.import.checking'));
  try {
    const found = await check();
    draw(found);
    ready(found.errorCount === 0 && found.count > 0);
  } catch (failure) {
    form.fail(failure.message);
  } finally {
    setText($('#import-busy'), '');
  }
}

function draw({ count, errorCount, items, errors }) {
  const place = (name) => $(`[data-preview="${name}"]`, dialog);
  setText(place('good'), count ? plural('items.import.good', count) : '');
  setText(place('bad'), errorCount ? plural('items.import.bad', errorCount) : '');
  show(place('good'), count > 0);
  show(place('bad'), errorCount > 0);
  show(place('mend'), errorCount > 0);
  const row = (...cells) => h('tr', {}, ...cells.map(([label, text]) => h('td', { 'data-label': label }, text)));
  $('tbody', place('errors')).replaceChildren(...errors.map(({ item, error }) => row([t('items.name'), item.name || t('items.import.noName')], [t('items.import.error'), error])));
  $('tbody', place('items')).replaceChildren(...items.map((item) => row([t('items.name'), item.name],
    ...(plain ? [] : [[t('items.scanMode'), item.scanMode?.name ?? '–'], [t('items.group'), item.group?.standardSettings.name ?? '']]), [t('connector.settings'), Object.values(item.settings).filter((v) => v !== null && v !== '').map((v) => (typeof v === 'object' ? JSON.stringify(v) : v)).join(' · ')])));
  show(place('errors'), errors.length > 0);
  show(place('items'), items.length > 0 && !errors.length);
  show($('#import-preview'), true);
}

async function run() {
  const { count } = await put();
  dialog.close();
  toast(t('items.imported', { n: number(count), name: shared.one.name }));
  await imported();
}
