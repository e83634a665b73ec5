// The page of one South or North: what it does, its settings, and making a new one from the choice of its type on.
import '../shell.js';
import { Failure, get, leave, post, put } from '../api.js';
import { $, clone, fillText, setText, show } from '../dom.js';
import { ask } from '../dialog.js';
import { bytes, duration, instant, number, relativeTo } from '../format.js';
import { explain } from '../refused.js';
import { said } from '../said.js';
import { has, t } from '../text.js';
import { complain, toast } from '../toast.js';
import { base, id, isNew, kind, root, whole } from './base.js';
import { cachingBody, cachingForm, cachingValues, headForm } from './forms.js';
import { typeAbout, typeName } from './labels.js';
import { condition, flow, rate, serverNow, watch } from './live.js';
import { ManifestForm } from './manifest.js';
import { onPrint } from './print.js';
import { perSecond, total } from './rate.js';
import { dropConnector } from './table.js';
import { openTabs } from './tabs.js';

const CATEGORIES = ['file', 'api', 'iot', 'database', 'debug'];
const TEST_SECONDS = 300;

// open loads what the page is about and hands it to tabs: name → called once, when the tab is first opened.
export async function open(tabs) {
  root.querySelector(':scope > [data-state=failed] [data-retry]').addEventListener('click', () => open(tabs), { once: true });
  try {
    const context = await surroundings();
    if (isNew) await makeNew(context);
    else await showOne(context, tabs);
    whole();
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (!(error instanceof Failure)) throw error;
    explain(root, error, error.hopeless ? { hopeless: true } : {});
    whole('failed');
  }
}

async function surroundings() {
  const [scanModes, certificates, transformers] = await Promise.all([get('/api/scan-modes'), get('/api/certificates'), get('/api/transformers/list')]);
  return { scanModes, certificates, transformers, kept: !isNew };
}

/* One that is there */

async function showOne(context, tabs) {
  const [one, states] = await Promise.all([get(base, kind === 'south' ? { items: 'false' } : {}), get('/api/connectors')]);
  const manifest = await get(`/api/${kind}/manifests/${one.type}`);
  const shared = { ...context, one, manifest, currentSettings, southType: one.type };
  const mine = (rows) => rows[`${kind}s`].find((row) => row.id === id);
  head(one);
  live(shared, mine(states)); // before anything below it is shown: an error that came later would push it down
  settings(shared, () => save(shared));
  show($('#connector-actions'), true);
  $('#toggle').addEventListener('click', () => toggle(shared));
  $('#duplicate').href = `/${kind}s/new?duplicate=${id}`;
  $('#delete').addEventListener('click', async () => { if (await dropConnector(kind, shared.one)) leave(`/${kind}s`); });
  $('#reset').addEventListener('click', reset);
  onPrint(() => one, { ...context, itemSettings: itemSettings(manifest) }, () => [
    [t('print.head'), headForm(), one], [t('connector.settings'), manifest.settings, one.settings],
    ...(kind === 'north' ? [[t('north.caching'), cachingForm, cachingValues(one.caching)]] : []),
  ]);
  $('#connector-error [data-logs]').href = `/logs?scopeIds=${id}`;
  watch((rows) => live(shared, mine(rows)));
  openTabs(shared, tabs);
}

const itemSettings = (manifest) => manifest.items?.rootAttribute.attributes.find(({ key }) => key === 'settings');

function head(one) {
  setText($('#connector-name'), one.name);
  setText($('#connector-about'), [typeName(one.type), one.description].filter(Boolean).join(' · '));
  document.title = document.title.replace(/^[^·]*/, `${one.name} `);
}

function live(shared, row) {
  if (!row) return; // it was deleted elsewhere, or is not known yet
  const { one } = shared;
  one.enabled = row.enabled;
  form?.follow('head', 'enabled', row.enabled);
  const { tone, word } = condition(row);
  $('#connector-state').className = `badge badge-${tone}`;
  setText($('#connector-state'), t(`connector.state.${word}`));
  show($('#toggle .when-on'), row.enabled);
  show($('#toggle .when-off'), !row.enabled);
  const failing = row.enabled && row.state.lastError;
  show($('#connector-error'), !!failing);
  if (failing) fillText($('#connector-error'), { error: said(row.state.lastError), at: row.state.lastErrorAt ? instant(row.state.lastErrorAt) : '' });
  metrics(row);
}

function metrics({ metrics: m }) {
  const set = (name, text) => setText($(`[data-metric="${name}"]`), text);
  const ago = (at) => (at ? relativeTo(at, serverNow()) : '–');
  set('rate', perSecond(kind, rate(id)));
  set('total', total(kind, m));
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

/* Settings */

let form;

function settings(shared, submit) {
  const { one, manifest } = shared;
  const discard = $('#discard');
  form = new ManifestForm($('#settings-form'), { submit, changed: (dirty) => { discard.disabled = !dirty; } });
  const draw = () => {
    const parts = { head: [$('#head-fields'), headForm(), one], settings: [$('#settings-fields'), manifest.settings, one.settings] };
    if (kind === 'north') parts.caching = [$('#caching-fields'), cachingForm, cachingValues(one.caching)];
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
  return { ...common, caching: cachingBody(caching), transformers };
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
const currentSettings = () => form.read().settings;

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
    setText(result, said(error.message));
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

// installed are the types that this OIBus can run; none of them named means all.
const installed = () => root.dataset.installed.split(',').filter(Boolean);

async function choices() {
  const types = (await get(`/api/${kind}/types`)).filter(({ id: type }) => !installed().length || installed().includes(type));
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
  if (installed().length && !installed().includes(one.type)) throw Object.assign(new Failure(400, t('connector.notInstalled', { type: typeName(one.type) })), { hopeless: true });
  const manifest = await get(`/api/${kind}/manifests/${encodeURIComponent(one.type)}`);
  setText($('#connector-about'), typeName(one.type));
  settings({ ...context, one, manifest, kept: !!one.duplicate }, () => create(one));
  show($('#panel-settings'), true);
  $('#settings-form input')?.focus();
}

async function create(one) {
  const content = body({ type: one.type, transformers: (one.transformers ?? []).map((link) => ({ ...asCommand(link), id: '' })) });
  const from = one.duplicate ? `?${new URLSearchParams({ duplicate: one.duplicate, ...(kind === 'south' && { items: 'copy' }) })}` : ''; // there may be 100,000 items: they never come here
  const made = await post(`/api/${kind}${from}`, content, { seconds: 120 });
  toast(t('connector.saved', { name: made.name }));
  leave(`/${kind}s/${made.id}#${kind === 'south' ? 'items' : 'status'}`);
}
