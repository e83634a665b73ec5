// Import of a table of items: what would become of it is shown before anything is changed.
import { Failure } from '../api.js';
import { $, h, setText, show } from '../dom.js';
import { ask, openDialog } from '../dialog.js';
import { number } from '../format.js';
import { plural, t } from '../text.js';
import { toast } from '../toast.js';
import { attribute, group, ManifestForm } from './manifest.js';
import { base, kind } from './base.js';

const DELIMITERS = [[',', ','], [';', ';'], ['|', '|'], ['\t', 'Tab']];
const NAMES = 5; // of items that would be deleted
const MODES = ['update', 'add', 'delete']; // what becomes of items that are there already
const dialog = $('#import');
const file = h('input', { type: 'file', accept: '.csv,text/csv,text/plain', id: 'import-file' });
let form, imported, shared;
let asked = 0; // previews: only the answer to the last one counts
let gone = 0; // items that the import would delete

export function openImport(of, done) {
  [shared, imported] = [of, done];
  form ??= new ManifestForm($('form', dialog), { submit: run, guarded: false });
  file.value = '';
  form.draw({ table: [$('#import-fields'), group('', [
    attribute('choice', 'delimiter', { columns: 6, pairs: DELIMITERS, defaultValue: ',' }),
    attribute('choice', 'importMode', { columns: 6, pairs: MODES.map((mode) => [mode, t(`items.import.mode.${mode}`)]), defaultValue: 'update' }),
  ])] });
  $('#import-fields').prepend(h('div', { class: 'field' }, h('label', { for: 'import-file' }, t('items.import.file')), file));
  for (const control of [file, ...$('#import-fields').querySelectorAll('select')]) control.onchange = preview;
  asked++;
  show($('#import-preview'), false);
  setText($('#import-busy'), '');
  ready(false);
  openDialog(dialog);
  file.focus();
}

const ready = (yes) => { $('button[type=submit]', dialog).disabled = !yes; };

const plain = kind === 'history';

// table is what the form says, as the REST API takes it.
function table() {
  const { delimiter, importMode } = form.read().table;
  return { delimiter, updateExisting: String(importMode === 'update'), deleteItemsNotPresent: String(importMode === 'delete'), itemsToImport: file.files[0] };
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
  const mine = ++asked;
  ready(false);
  form.fail('');
  show($('#import-preview'), false);
  setText($('#import-busy'), '');
  if (!file.files.length) return;
  setText($('#import-busy'), t('items.import.checking'));
  try {
    const found = await send(`${base}/items/import/preview`, table());
    if (mine !== asked) return;
    draw(found);
    ready(found.errorCount === 0 && found.count > 0);
  } catch (failure) {
    if (mine === asked) form.fail(failure.message);
  } finally {
    if (mine === asked) setText($('#import-busy'), '');
  }
}

const BADGES = { new: 'new', replaced: 'replaced', unchanged: 'unchanged', deleted: 'deleted', bad: 'errorCount' };

function draw(found) {
  const place = (name) => $(`[data-preview="${name}"]`, dialog);
  for (const [name, counted] of Object.entries(BADGES)) {
    const n = found[counted];
    setText(place(name), n ? plural(`items.import.${name}`, n) : '');
    show(place(name), n > 0);
  }
  const { items, errors, deletedItems: names } = found;
  gone = found.deleted;
  const shown = names.slice(0, NAMES).join(', ');
  setText(place('gone'), gone ? t('items.import.gone', { names: gone > NAMES ? `${shown}, …` : shown }) : '');
  show(place('gone'), gone > 0);
  show(place('mend'), found.errorCount > 0);
  const row = (...cells) => h('tr', {}, ...cells.map(([label, text]) => h('td', { 'data-label': label }, text)));
  $('tbody', place('errors')).replaceChildren(...errors.map(({ line, item, error }) => row([t('items.import.line'), number(line)], [t('items.name'), item.name || t('items.import.noName')], [t('items.import.error'), error])));
  $('tbody', place('items')).replaceChildren(...items.map((item) => row([t('items.name'), item.name],
    ...(plain ? [] : [[t('items.scanMode'), item.scanMode?.name ?? '–'], [t('items.group'), item.group?.standardSettings.name ?? '']]), [t('connector.settings'), Object.values(item.settings).filter((v) => v !== null && v !== '').map((v) => (typeof v === 'object' ? JSON.stringify(v) : v)).join(' · ')])));
  show(place('errors'), errors.length > 0);
  show(place('items'), items.length > 0 && !errors.length);
  show($('#import-preview'), true);
}

async function run() {
  const chosen = table();
  if (gone && !(await ask({ title: plural('items.import.delete', gone), text: t('items.delete.text'), yes: t('items.import'), danger: true }))) return;
  const { count } = await send(`${base}/items/import/table`, chosen);
  dialog.close();
  toast(t('items.imported', { n: number(count), name: shared.one.name }));
  await imported();
}
