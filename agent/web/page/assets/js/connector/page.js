// The page of one South or North: what it does, its settings, and making a new one from the choice of its type on.
import '../shell.js';
import { Failure, get, leave, post, put } from '../api.js';
import { $, $$, clone, fillText, setText, show } from '../dom.js';
import { ask } from '../dialog.js';
import { bytes, duration, instant, number, relativeTo } from '../format.js';
import { has, t } from '../text.js';
import { complain, toast } from '../toast.js';
import { typeAbout, typeName } from './labels.js';
import { condition, counted, flow, rate, serverNow, watch } from './live.js';
import { attribute, group, ManifestForm } from './manifest.js';
import { dropConnector, perSecond } from './table.js';

const root = $('#connector');
const { kind, id } = root.dataset;
export const base = `/api/${kind}/${encodeURIComponent(id)}`;
const isNew = id === 'new';
const CATEGORIES = ['file', 'api', 'iot', 'database', 'debug'];
const TEST_SECONDS = 300;

// state shows one of the states of a part of the page.
export function state(part, name) {
  for (const element of $$('[data-state]', part)) show(element, element.dataset.state === name);
}

// open loads what the page is about and hands it to tabs: name → called once, when the tab is first opened.
export async function open(tabs) {
  root.querySelector(':scope > [data-state=failed] [data-retry]').addEventListener('click', () => open(tabs));
  try {
    const context = await surroundings();
    if (isNew) await makeNew(context);
    else await showOne(context, tabs);
    for (const element of root.querySelectorAll(':scope > [data-state]')) show(element, false);
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (!(error instanceof Failure)) throw error;
    setText(root.querySelector(':scope > [data-state=failed] [data-failure]'), error.message);
    for (const element of root.querySelectorAll(':scope > [data-state]')) show(element, element.dataset.state === 'failed');
  }
}

async function surroundings() {
  const [scanModes, certificates, transformers] = await Promise.all([get('/api/scan-modes'), get('/api/certificates'), get('/api/transformers/list')]);
  return { scanModes, certificates, transformers, kept: !isNew };
}

/* One that is there */

async function showOne(context, tabs) {
  const one = await get(base, kind === 'south' ? { items: 'false' } : {});
  const manifest = await get(`/api/${kind}/manifests/${one.type}`);
  const shared = { ...context, one, manifest };
  head(one);
  settings(shared, () => save(shared));
  show($('#connector-actions'), true);
  $('#toggle').addEventListener('click', () => toggle(shared));
  $('#duplicate').href = `/${kind}s/new?duplicate=${id}`;
  $('#delete').addEventListener('click', async () => { if (await dropConnector(kind, shared.one)) leave(`/${kind}s`); });
  $('#reset').addEventListener('click', reset);
  $('#connector-error [data-logs]').href = `/logs?scopeIds=${id}`;
  watch((rows) => live(shared, rows[`${kind}s`].find((row) => row.id === id)));
  openTabs(shared, tabs);
}

function head(one) {
  setText($('#connector-name'), one.name);
  setText($('#connector-about'), [typeName(one.type), one.description].filter(Boolean).join(' · '));
  document.title = document.title.replace(/^[^·]*/, `${one.name} `);
}

function live(shared, row) {
  if (!row) return; // it was deleted elsewhere, or is not known yet
  const { one } = shared;
  one.enabled = row.enabled;
  const { tone, word } = condition(row);
  $('#connector-state').className = `badge badge-${tone}`;
  setText($('#connector-state'), t(`connector.state.${word}`));
  show($('#toggle .when-on'), row.enabled);
  show($('#toggle .when-off'), !row.enabled);
  const failing = row.enabled && row.state.lastError;
  show($('#connector-error'), !!failing);
  if (failing) fillText($('#connector-error'), { error: row.state.lastError, at: row.state.lastErrorAt ? instant(row.state.lastErrorAt) : '' });
  metrics(row);
}

function metrics({ metrics: m }) {
  const set = (name, text) => setText($(`[data-metric="${name}"]`), text);
  const ago = (at) => (at ? relativeTo(at, serverNow()) : '–');
  set('rate', perSecond(kind, rate(id)));
  const total = counted(m);
  set('total', kind === 'south' ? t('south.total', { n: number(total) }) : t('north.total', { size: bytes(total) }));
  flow($('#rate-chart'), id, 240, 48);
  if (!m) return;
  set('lastConnection', ago(m.lastConnection));
  set('lastRun', m.lastRunStart ? `${ago(m.lastRunStart)}${m.lastRunDuration === null ? '' : ` (${duration(m.lastRunDuration)})`}` : '–');
  set('since', instant(m.metricsStart));
  if (kind === 'south') {
    set('values', number(m.numberOfValuesRetrieved));
    set('files', number(m.numberOfFilesRetrieved));
    set('lastFile', m.lastFileRetrieved || '–');
    set('lastValue', m.lastValueRetrieved ? JSON.stringify(m.lastValueRetrieved) : '–');
    return;
  }
  for (const [name, size] of [['sent', m.contentSentSize], ['errored', m.contentErroredSize], ['archived', m.contentArchivedSize], ['inCache', m.currentCacheSize], ['inError', m.currentErrorSize], ['inArchive', m.currentArchiveSize]]) set(name, bytes(size));
  set('lastSent', m.lastContentSent || '–');
}

async function toggle({ one }) {
  if (one.enabled && !(await ask({ title: t('connector.stop.title', { name: one.name }), text: t(`${kind}s.stop.text`), yes: t('connector.stop') }))) return;
  try {
    await post(`${base}/${one.enabled ? 'stop' : 'start'}`);
    toast(t(one.enabled ? 'connector.stopped' : 'connector.started', { name: one.name }));
  } catch (error) {
    complain(error);
  }
}

async function reset() {
  if (!(await ask({ title: t('connector.reset.title'), text: t('connector.reset.text'), yes: t('connector.reset') }))) return;
  try {
    await post(`${base}/metrics/reset`);
    toast(t('connector.reset.done'));
  } catch (error) {
    complain(error);
  }
}

/* Tabs */

function openTabs(shared, tabs) {
  const buttons = $$('[role=tab]', root);
  const opened = new Set();
  const choose = (name, focus) => {
    const wanted = buttons.some((b) => b.dataset.tab === name) ? name : 'status';
    for (const button of buttons) {
      const chosen = button.dataset.tab === wanted;
      button.setAttribute('aria-selected', String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      show($(`#panel-${button.dataset.tab}`), chosen);
      if (chosen && focus) button.focus();
    }
    if (!opened.has(wanted)) tabs[wanted]?.(shared);
    opened.add(wanted);
  };
  for (const button of buttons) {
    button.addEventListener('click', () => {
      history.replaceState(null, '', `#${button.dataset.tab}`);
      choose(button.dataset.tab);
    });
  }
  $('#tabs').addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = buttons.findIndex((b) => b.tabIndex === 0);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    history.replaceState(null, '', `#${next.dataset.tab}`);
    choose(next.dataset.tab, true);
    event.preventDefault();
  });
  window.addEventListener('hashchange', () => choose(location.hash.slice(1)));
  show($('#tabs'), true);
  choose(location.hash.slice(1));
}

/* Settings */

const headForm = (name) => group('', [
  attribute('string', 'name', { columns: 6, needed: true, defaultValue: name }),
  attribute('string', 'description', { columns: 6 }),
  attribute('boolean', 'enabled', { row: 1, defaultValue: true }),
]);

const amount = (key, columns, defaultValue, unit) => attribute('number', key, { columns, needed: true, min: 0, defaultValue, unit });
const cachingForm = group('', [
  group('trigger', [attribute('scan-mode', 'scanModeId', { columns: 4, needed: true }), amount('numberOfElements', 4, 1000), amount('numberOfFiles', 4, 1)]),
  group('throttling', [amount('runMinDelay', 4, 200, 'ms'), amount('maxSize', 4, 0, 'MB'), amount('maxNumberOfElements', 4, 10_000)]),
  group('error', [amount('retryInterval', 4, 5000, 'ms'), amount('retryCount', 4, 3), amount('retentionDuration', 4, 0, 'h')]),
  group('archive', [attribute('boolean', 'enabled', { columns: 4, defaultValue: false }), amount('retentionDuration', 4, 72, 'h')], {
    enablingConditions: [{ referralPathFromRoot: 'enabled', targetPathFromRoot: 'retentionDuration', values: [true] }],
  }),
]);
for (const [i, part] of cachingForm.attributes.entries()) part.displayProperties = { row: i, columns: 12, wrapInBox: true };

let form;

function settings(shared, submit) {
  const { one, manifest } = shared;
  const discard = $('#discard');
  form = new ManifestForm($('#settings-form'), { submit, changed: (dirty) => { discard.disabled = !dirty; } });
  const draw = () => {
    const caching = one.caching && { ...one.caching, trigger: { ...one.caching.trigger, scanModeId: one.caching.trigger.scanMode?.id } };
    const parts = { head: [$('#head-fields'), headForm(), one], settings: [$('#settings-fields'), manifest.settings, one.settings] };
    if (kind === 'north') parts.caching = [$('#caching-fields'), cachingForm, caching];
    form.draw(parts, shared);
    if (!manifest.settings.attributes.length) $('#settings-fields').textContent = t('connector.noSettings');
  };
  draw();
  if (isNew) form.settle();
  show(discard, !isNew);
  discard.addEventListener('click', draw);
  $('#test').addEventListener('click', (event) => test(shared, event.currentTarget));
}

// body is what the REST API takes, from what the form holds.
function body({ type, transformers = [] }) {
  const { head: { name, description, enabled }, settings: values, caching } = form.read();
  const common = { name, type, description, enabled, settings: values };
  if (kind === 'south') return { ...common, items: [], groups: [] };
  caching.archive.retentionDuration ??= 72;
  return { ...common, caching, transformers };
}

// asCommand is a stored transformer link as a body has it.
export const asCommand = ({ id: link, transformer, options, source }) => ({
  id: link, transformerId: transformer.id, options,
  source: source.type === 'south' ? { type: 'south', southId: source.south.id, groupId: source.group?.id, items: source.items } : source,
});

async function save(shared) {
  const { one } = shared;
  const links = kind === 'north' ? (await get(base)).transformers.map(asCommand) : [];
  await put(kind === 'south' ? `${base}?items=keep` : base, body({ type: one.type, transformers: links }));
  const stored = await get(base, kind === 'south' ? { items: 'false' } : {});
  Object.assign(one, stored);
  head(one);
  toast(t('connector.saved', { name: one.name }));
}

// currentSettings are the settings as the form shows them, for tests.
export const currentSettings = () => form.read().settings;

async function test({ one }, button) {
  const result = $('#test-result');
  if (form.parts.settings.check().length) return;
  button.setAttribute('aria-busy', 'true');
  result.className = 'test-result';
  setText(result, t('connector.testing'));
  try {
    const of = isNew ? one.duplicate ?? 'create' : id;
    const { items } = await post(`/api/${kind}/${of}/test/connection?${kind}Type=${one.type}`, currentSettings(), { seconds: TEST_SECONDS });
    result.className = 'test-result ok';
    setText(result, [t('connector.tested'), ...items.map(({ key, value }) => `${key}: ${value}`)].join(' · '));
  } catch (error) {
    result.className = 'test-result bad';
    setText(result, error.message);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/* A new one */

async function makeNew(context) {
  const query = new URLSearchParams(location.search);
  const duplicate = query.get('duplicate');
  setText($('#connector-name'), t(`${kind}s.create`));
  show($('#connector-state'), false);
  if (duplicate) {
    const source = await get(`/api/${kind}/${encodeURIComponent(duplicate)}`, kind === 'south' ? { items: 'false' } : {});
    return draft(context, { ...source, name: t('connector.copyOf', { name: source.name }), duplicate });
  }
  const type = query.get('type');
  if (type) return draft(context, { type, enabled: true, settings: undefined });
  return choices();
}

async function choices() {
  const installed = root.dataset.installed.split(',').filter(Boolean);
  const types = (await get(`/api/${kind}/types`)).filter(({ id: type }) => !installed.length || installed.includes(type));
  const place = $('#choices');
  for (const category of CATEGORIES) {
    const found = types.filter((type) => type.category === category);
    if (!found.length) continue;
    const list = found.map(({ id: type }) => {
      const row = clone($('#choice-row'), { name: typeName(type), about: typeAbout(kind, type) && t(typeAbout(kind, type)) });
      row.addEventListener('click', () => location.assign(`/${kind}s/new?type=${type}`));
      return row;
    });
    const title = document.createElement('h3');
    title.textContent = has(`category.${category}`) ? t(`category.${category}`) : category;
    const grid = document.createElement('div');
    grid.className = 'choices';
    grid.append(...list);
    place.append(title, grid);
  }
  show($('#choice'), true);
}

async function draft(context, one) {
  const manifest = await get(`/api/${kind}/manifests/${encodeURIComponent(one.type)}`);
  setText($('#connector-about'), typeName(one.type));
  settings({ ...context, one, manifest, kept: !!one.duplicate }, () => create(one));
  show($('#panel-settings'), true);
  $('#settings-form input')?.focus();
}

async function create(one) {
  const content = body({ type: one.type, transformers: (one.transformers ?? []).map((link) => ({ ...asCommand(link), id: '' })) });
  if (one.duplicate && kind === 'south') await copyItems(one.duplicate, content);
  const made = await post(`/api/${kind}${one.duplicate ? `?duplicate=${encodeURIComponent(one.duplicate)}` : ''}`, content, { seconds: 120 });
  toast(t('connector.saved', { name: made.name }));
  leave(`/${kind}s/${made.id}#${kind === 'south' ? 'items' : 'status'}`);
}

// copyItems puts the items and groups of another South into the body of a new one.
async function copyItems(from, content) {
  const { items, groups } = await get(`/api/south/${encodeURIComponent(from)}`, {}, { seconds: 120 });
  content.groups = groups.map(({ id: of, standardSettings, historySettings }) => ({ id: `temp_${of}`, standardSettings: { name: standardSettings.name, scanModeId: standardSettings.scanMode.id }, historySettings }));
  content.items = items.map(({ scanMode, group: of, createdBy, updatedBy, createdAt, updatedAt, ...item }) => ({ ...item, id: null, scanModeId: scanMode?.id ?? null, scanModeName: null, groupId: of ? `temp_${of.id}` : null, groupName: null }));
}
