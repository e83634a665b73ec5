// One item of a South or a history query in its dialog: its settings, its last value, and a test that shows what it reads, raw and
// transformed side by side.
import { get, post, put } from '../api.js';
import { $, h, setText, show } from '../dom.js';
import { guard, openDialog } from '../dialog.js';
import { duration, instant, timeZoneName } from '../format.js';
import { said } from '../said.js';
import { plural, t } from '../text.js';
import { toast } from '../toast.js';
import { historyForm } from './groups.js';
import { contentName } from '../transformer/actions.js';
import { byName, transformerName } from './labels.js';
import { attribute, drawObject, group, ManifestForm } from './manifest.js';
import { base, kind } from './base.js';

const HOUR = 3_600_000;
const TEST_SECONDS = 300;
const SLOW = { seconds: 120 }; // a history query that runs is stopped for it
const plain = kind === 'history'; // an item that has neither scan mode nor group nor history settings
const MOST = 100_000; // characters of a result that are shown

export function itemEditor(shared, saved) {
  const dialog = $('#item');
  const { one, manifest } = shared;
  const settings = manifest.items.rootAttribute.attributes.find(({ key }) => key === 'settings');
  const accepts = manifest.items.rootAttribute.attributes.find(({ key }) => key === 'scanMode')?.acceptableType ?? 'POLL';
  let open, test, trying; // trying ends the test that is under way
  const form = new ManifestForm($('form', dialog), { submit: save, guarded: false });

  guard(dialog, () => form.dirty);
  dialog.addEventListener('close', () => trying?.abort());

  // itemForm are the fields of an item: a group decides its scan mode, and, if it syncs, its history settings.
  function itemForm(item) {
    const fields = [attribute('string', 'name', { columns: 8, needed: true }), attribute('boolean', 'enabled', { columns: 4, defaultValue: true, translationKey: 'item' })];
    const conditions = [];
    if (plain) return group('', [...fields, { ...settings, displayProperties: { ...settings.displayProperties, row: 2, wrapInBox: true } }]);
    if (one.groups.length) {
      fields.push(attribute('choice', 'groupId', { row: 1, columns: 6, pairs: one.groups.map(({ id, standardSettings }) => [id, standardSettings.name]), empty: t('items.group.none') }));
      conditions.push({ referralPathFromRoot: 'groupId', targetPathFromRoot: 'scanModeId', values: [''] });
    }
    fields.push(attribute('scan-mode', 'scanModeId', { row: 1, columns: 6, needed: true, acceptableType: accepts }));
    fields.push({ ...settings, displayProperties: { ...settings.displayProperties, row: 2, wrapInBox: true } });
    if (manifest.modes.history) {
      if (one.groups.length) {
        fields.push(attribute('boolean', 'syncWithGroup', { row: 8, columns: 12, defaultValue: false }));
        conditions.push({ referralPathFromRoot: 'groupId', targetPathFromRoot: 'syncWithGroup', values: one.groups.map(({ id }) => id) });
        conditions.push({ referralPathFromRoot: 'syncWithGroup', targetPathFromRoot: 'history', values: [true], operator: 'NOT_EQUAL' });
      }
      fields.push(historyForm(item, 'history'));
    }
    return group('', fields, { enablingConditions: conditions });
  }

  function edit(item) {
    open = item?.id ? item : undefined;
    setText($('#item-title'), t(open ? 'items.edit' : 'items.create'));
    const values = item && { ...item, scanModeId: item.scanMode?.id, groupId: item.group?.id ?? '', history: item };
    form.draw({ item: [$('#item-fields'), itemForm(item), values] }, shared);
    drawTest(item);
    const last = $('#item-last');
    if (last) last.open = false;
    show(last, !!open);
    openDialog(dialog);
    $('input', dialog).focus();
  }

  function body() {
    const { name, enabled, settings: own, scanModeId, groupId, syncWithGroup = false, history } = form.read().item;
    if (plain) return { id: open?.id ?? null, name, enabled, settings: own };
    const none = { maxReadInterval: null, readDelay: null, startTimeOffset: null, endTimeOffset: null, recoveryStrategy: null };
    return { id: open?.id ?? null, name, enabled, settings: own, scanModeId: scanModeId || null, scanModeName: null, groupId: groupId || null, groupName: null, syncWithGroup, ...(history && !syncWithGroup ? history : none) };
  }

  async function save() {
    const content = body();
    if (open) await put(`${base}/items/${open.id}`, content, SLOW);
    else await post(`${base}/items`, content, SLOW);
    dialog.close();
    toast(t('items.saved', { name: content.name }));
    await saved();
  }

  $('#item-last')?.addEventListener('toggle', async ({ target }) => {
    if (!target.open || !open) return;
    const set = (name, text) => setText($(`[data-last="${name}"]`), text);
    try {
      const last = await get(`${base}/items/${open.id}/last-value`);
      set('queryTime', last.queryTime ? instant(last.queryTime) : '–');
      set('trackedInstant', last.trackedInstant ? instant(last.trackedInstant) : '–');
      set('value', last.value === null ? t('items.last.none') : pretty(last.value));
    } catch (error) {
      set('value', error.message);
    }
  });

  /* Test */

  function drawTest(item) {
    const now = one.queryTimeRange ? Math.min(Date.parse(one.queryTimeRange.startTime) + HOUR, Date.parse(one.queryTimeRange.endTime)) : Date.now();
    const fields = [];
    if (manifest.modes.history) fields.push(attribute('instant', 'startTime', { columns: 6, needed: true }), attribute('instant', 'endTime', { columns: 6, needed: true }));
    fields.push(attribute('choice', 'transformer', { row: 1, columns: 12, pairs: byName(shared.transformers.filter(({ functionName, inputType }) => functionName !== 'ignore' && functionName !== 'iso' && inputType !== 'setpoint')).map((each) => [each.id, transformerName(each)]), empty: t('items.noTransformer') }));
    const options = document.createElement('div');
    test = drawObject(group('', fields), '', { startTime: new Date(now - HOUR).toISOString(), endTime: new Date(now).toISOString() }, shared);
    test.options = undefined;
    const choose = () => {
      const chosen = shared.transformers.find(({ id }) => id === test.read().transformer);
      test.options = chosen && drawObject(chosen.manifest, '', undefined, shared);
      options.replaceChildren(...(test.options ? [test.options.element] : []));
      side('transformed', undefined, t(chosen ? 'items.readAgain' : 'items.notTransformed'));
    };
    test.find('transformer').control.addEventListener('change', choose);
    const zone = manifest.modes.history ? [h('p', { class: 'hint' }, t('history.zone', { zone: timeZoneName }))] : [];
    $('#item-test-fields').replaceChildren(...zone, test.element, options);
    trying?.abort();
    $('#item-test').open = false;
    show($('#item-sides'), false);
    setText($('#item-tried'), '');
  }

  $('#item-try').addEventListener('click', async (event) => {
    const button = event.currentTarget;
    const tried = $('#item-tried');
    if (form.parts.item.find('settings').check().length || test.check().length || test.options?.check().length) return;
    const { startTime, endTime, transformer } = test.read();
    const testing = { ...(startTime ? { history: { startTime, endTime } } : {}), ...(transformer ? { showFailure: true, transformer: { transformerId: transformer, options: test.options.read() } } : {}) };
    const { name, settings: itemSettings } = form.read().item;
    trying?.abort();
    const { signal } = trying = new AbortController();
    button.setAttribute('aria-busy', 'true');
    tried.className = 'test-result';
    setText(tried, t('connector.testing'));
    try {
      const result = await post(`${base}/${plain ? 'test/items' : 'items/test'}?southType=${shared.southType}&itemName=${encodeURIComponent(name || 'test')}`, { southSettings: shared.currentSettings(), itemSettings, testingSettings: testing }, { seconds: TEST_SECONDS, signal });
      const failure = result.transformerError; // what was read is what the options of the transformer are corrected with
      tried.classList.add(failure ? 'bad' : 'ok');
      setText(tried, failure ? said(failure) : t('items.tried', { connection: duration(result.connectionDuration ?? 0), query: duration(result.queryDuration ?? 0) }));
      side('raw', result.raw ?? result);
      side('transformed', result.transformed, t(failure ? 'items.transformFailed' : 'items.notTransformed'));
      show($('#item-sides'), true);
    } catch (error) {
      if (error.name === 'AbortError') return; // another item is open by now, or tried
      tried.classList.add('bad');
      setText(tried, said(error.message));
      show($('#item-sides'), false);
    } finally {
      if (trying.signal === signal) button.removeAttribute('aria-busy');
    }
  });

  return edit;
}

// side shows a content beside the other, or why there is none.
function side(name, content, none) {
  const [place, about] = [$(`[data-side="${name}"]`), $(`[data-side="${name}-about"]`)];
  if (!content) {
    setText(place, none);
    setText(about, '');
    return;
  }
  const list = Array.isArray(content.content);
  const text = list ? pretty(content.content) : pretty(content.content ?? '');
  setText(place, text.length > MOST ? `${text.slice(0, MOST)}…` : text || t('items.nothing'));
  setText(about, [content.filePath?.split(/[\\/]/).at(-1), list ? plural('items.elements', content.content.length) : contentName(content.type)].filter(Boolean).join(' · '));
}

function pretty(value) {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2);
  if (!/^\s*[[{]/.test(value)) return value;
  try { return JSON.stringify(JSON.parse(value), null, 2); } catch { return value; }
}

