// Groups of items: one scan mode, and read together where the type of the South can do that.
import { get, post, put, remove } from '../api.js';
import { $, $$, clone, h, setText } from '../dom.js';
import { ask, guard, openDialog } from '../dialog.js';
import { t } from '../text.js';
import { complain, toast } from '../toast.js';
import { attribute, group, ManifestForm } from './manifest.js';
import { base, state } from './base.js';

// historyForm are the five settings of reading over time, or overlap in the released dialect.
export function historyForm(values, key = 'historySettings') {
  const number = (name, columns, defaultValue, unit, more = {}) => attribute('number', name, { columns, defaultValue, unit, ...more });
  const parts = [number('maxReadInterval', 4, 3600, 's', { min: 0 }), number('readDelay', 4, 200, 'ms', { min: 0 })];
  if (values && 'overlap' in values) parts.push(number('overlap', 4, 0, 'ms'));
  else parts.push(number('startTimeOffset', 4, 0, 'ms', { row: 1 }), number('endTimeOffset', 4, 0, 'ms', { row: 1 }), attribute('string-select', 'recoveryStrategy', { row: 1, columns: 4, needed: true, selectableValues: ['oldest', 'newest'], defaultValue: 'oldest' }));
  return group(key, parts, { displayProperties: { row: 9, columns: 12, wrapInBox: true } });
}

const acceptable = ({ manifest }) => manifest.items.rootAttribute.attributes.find(({ key }) => key === 'scanMode')?.acceptableType ?? 'POLL';

export function groupList(shared) {
  const root = $('#groups');
  const dialog = $('#group');
  let open, asking = false;
  const form = new ManifestForm($('form', dialog), { submit: save, guarded: false });
  guard(dialog, () => form.dirty);

  async function refresh() {
    try {
      shared.one.groups = await get(`${base}/groups`);
      $('tbody', root).replaceChildren(...shared.one.groups.map(row));
      state(root, shared.one.groups.length ? 'rows' : 'empty');
      document.dispatchEvent(new Event('oibus-groups'));
    } catch (error) {
      setText($('[data-failure]', root), error.message);
      state(root, 'failed');
    }
  }

  function row(one) {
    const { historySettings: h, standardSettings: s } = one;
    const element = clone($('#group-row'), { name: s.name, scanMode: s.scanMode?.name ?? '–', history: shared.manifest.modes.history && h.maxReadInterval !== null ? t('groups.history.text', { interval: h.maxReadInterval, delay: h.readDelay ?? 0 }) : '–' });
    for (const button of $$('[data-show], [data-edit]', element)) button.addEventListener('click', () => change(one));
    $('[data-delete]', element).addEventListener('click', () => drop(one));
    return element;
  }

  // change opens a group as it is now.
  async function change({ id }) {
    if (asking) return;
    asking = true;
    try {
      edit(await get(`${base}/groups/${id}`));
    } catch (error) {
      complain(error);
      await refresh();
    } finally {
      asking = false;
    }
  }

  function edit(one) {
    open = one;
    setText($('#group-title'), t(one ? 'groups.edit' : 'groups.create'));
    const fields = [attribute('string', 'name', { columns: 6, needed: true }), attribute('scan-mode', 'scanModeId', { columns: 6, needed: true, acceptableType: acceptable(shared) })];
    if (shared.manifest.modes.history) fields.push(historyForm(one?.historySettings));
    form.draw({ group: [$('#group-fields'), group('', fields), one && { name: one.standardSettings.name, scanModeId: one.standardSettings.scanMode?.id, historySettings: one.historySettings }] }, shared);
    openDialog(dialog);
    $('input', dialog).focus();
  }

  async function save({ group: { name, scanModeId, historySettings } }) {
    const none = { maxReadInterval: null, readDelay: null, startTimeOffset: null, endTimeOffset: null, recoveryStrategy: null };
    const body = { id: open?.id ?? null, standardSettings: { name, scanModeId }, historySettings: historySettings ?? none };
    if (open) await put(`${base}/groups/${open.id}`, body);
    else await post(`${base}/groups`, body);
    dialog.close();
    toast(t('groups.saved', { name }));
    await refresh();
  }

  async function drop(one) {
    if (!(await ask({ title: t('groups.delete', { name: one.standardSettings.name }), text: t('groups.delete.text'), yes: t('action.delete'), danger: true }))) return;
    try {
      await remove(`${base}/groups/${one.id}`);
    } catch (error) {
      complain(error);
    }
    refresh();
  }

  $('[data-new-group]', root).addEventListener('click', () => edit());
  $('[data-retry]', root).addEventListener('click', refresh);
  refresh();
}

// openMove asks for a group; the answer is its id, "" for none, undefined when the person gave up.
export function openMove(shared) {
  const dialog = $('#move');
  return new Promise((resolve) => {
    let answer;
    const form = (openMove.form ??= new ManifestForm($('form', dialog), { submit: (values) => openMove.submit(values), guarded: false }));
    openMove.submit = async ({ move }) => {
      answer = move.group;
      dialog.close();
    };
    const pairs = shared.one.groups.map(({ id, standardSettings }) => [id, standardSettings.name]);
    form.draw({ move: [$('#move-fields'), group('', [attribute('choice', 'group', { pairs, empty: t('items.group.none') })])] });
    if (!pairs.length) $('#move-fields').append(h('p', { class: 'hint' }, t('items.move.none')));
    dialog.addEventListener('close', () => resolve(answer), { once: true });
    openDialog(dialog);
  });
}
