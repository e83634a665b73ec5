// Import of a table of items: what would become of it is shown before anything is changed.
import { Failure } from '../api.js';
import { $, h, setText, show } from '../dom.js';
import { openDialog } from '../dialog.js';
import { plural, t } from '../text.js';
import { toast } from '../toast.js';
import { attribute, group, ManifestForm } from './manifest.js';
import { base } from './page.js';

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

// send posts the table; multipart, because tables can be long.
async function send(what) {
  const { delimiter, replace } = form.read().table;
  const data = new FormData();
  data.set('delimiter', delimiter);
  data.set('deleteItemsNotPresent', String(replace));
  data.set('itemsToImport', file.files[0]);
  let answer;
  try {
    answer = await fetch(`${base}/items/import/${what}`, { method: 'POST', credentials: 'same-origin', headers: { Accept: 'application/json' }, body: data });
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
    const found = await send('preview');
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
  const row = (...cells) => h('tr', {}, ...cells.map(([label, text]) => h('td', { 'data-label': label }, text)));
  $('tbody', place('errors')).replaceChildren(...errors.map(({ item, error }) => row([t('items.name'), item.name ?? ''], [t('items.import.error'), error])));
  $('tbody', place('items')).replaceChildren(...items.map((item) => row([t('items.name'), item.name], [t('items.scanMode'), item.scanMode?.name ?? '–'],
    [t('items.group'), item.group?.standardSettings.name ?? ''], [t('connector.settings'), Object.values(item.settings).filter((v) => v !== null && v !== '').map((v) => (typeof v === 'object' ? JSON.stringify(v) : v)).join(' · ')])));
  show(place('errors'), errors.length > 0);
  show(place('items'), items.length > 0 && !errors.length);
  show($('#import-preview'), true);
}

async function run() {
  const { count } = await send('table');
  dialog.close();
  toast(t('items.imported', { n: count.toLocaleString(), name: shared.one.name }));
  await imported();
}
