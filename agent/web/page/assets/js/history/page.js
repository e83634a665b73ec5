// The page of one history query: how far it is, its items, bindings, cache and settings.
import '../shell.js';
import { Failure, get, leave, put } from '../api.js';
import { $, fillText, setText, show } from '../dom.js';
import { bytes, duration, instant, number, relativeTo } from '../format.js';
import { serverNow } from '../live.js';
import { explain } from '../refused.js';
import { t } from '../text.js';
import { toast } from '../toast.js';
import { base, id, isNew, root, whole } from '../connector/base.js';
import { cacheExplorer } from '../connector/cache.js';
import { itemTable } from '../connector/items.js';
import { typeName } from '../connector/labels.js';
import { onPrint } from '../connector/print.js';
import { follow } from '../connector/stream.js';
import { openTabs } from '../connector/tabs.js';
import { drop, pause, restart, run } from './actions.js';
import { QueryForm } from './form.js';
import { linkList } from './links.js';
import { drawBar, drawState, starts } from './live.js';
import { makeNew } from './new.js';

const SLOW = { seconds: 120 };
const headOnly = { items: 'false' }; // there may be 100,000

export async function open() {
  root.querySelector(':scope > [data-state=failed] [data-retry]').addEventListener('click', open, { once: true });
  try {
    const [scanModes, certificates, transformers] = await Promise.all([get('/api/scan-modes'), get('/api/certificates'), get('/api/transformers/list')]);
    const context = { scanModes, certificates, transformers };
    if (isNew) await makeNew(context);
    else await showOne(context);
    whole();
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (!(error instanceof Failure)) throw error;
    explain(root, error);
    whole('failed');
  }
}

async function showOne(context) {
  const [one, rows] = await Promise.all([get(base, headOnly), get('/api/history-states')]);
  const [south, north] = await Promise.all([get(`/api/south/manifests/${one.southType}`), get(`/api/north/manifests/${one.northType}`)]);
  one.groups = [];
  const form = new QueryForm($('#settings-form'), { south, north, context: { ...context, kept: true }, submit: (values) => save(shared, values) });
  const shared = { ...context, one, manifest: south, southType: one.southType, currentSettings: () => form.settingsOf('south') };
  head(one);
  live(shared, rows.find((row) => row.id === id));
  form.show(one);
  $('#start').addEventListener('click', () => run(one, shared.status));
  $('#pause').addEventListener('click', () => pause(one));
  $('#restart').addEventListener('click', () => restart(one));
  $('#duplicate').href = `/history/new?duplicate=${id}`;
  $('#delete').addEventListener('click', async () => { if (await drop(one)) leave('/history'); });
  $('#connector-error [data-logs]').href = `/logs?scopeIds=${id}`;
  onPrint(() => one, { ...context, itemSettings: south.items.rootAttribute.attributes.find(({ key }) => key === 'settings') }, () => form.printed(one));
  show($('#connector-actions'), true);
  follow('/sse/history-states', (all) => live(shared, all.find((row) => row.id === id)));
  openTabs(shared, { items: itemTable, transformers: linkList, cache: cacheExplorer });
}

function head(one) {
  setText($('#connector-name'), one.name);
  setText($('#connector-about'), [`${typeName(one.southType)} → ${typeName(one.northType)}`, one.description].filter(Boolean).join(' · '));
  document.title = document.title.replace(/^[^·]*/, `${one.name} `);
}

function live(shared, row) {
  if (!row) return; // it was deleted elsewhere, or is not known yet
  const { status, reason } = row.state;
  shared.status = status;
  drawState($('#connector-state'), row);
  show($('#start'), status !== 'RUNNING');
  setText($('#start span'), t(`history.${starts(status)}`));
  show($('#pause'), status === 'RUNNING');
  show($('#restart'), status === 'RUNNING' || status === 'PAUSED');
  show($('#connector-error'), !!reason);
  if (reason) fillText($('#connector-error'), { title: t(status === 'ERRORED' ? 'history.errored' : 'history.troubled'), error: reason });
  progress(row);
}

function progress(row) {
  const { metrics: m } = row;
  const set = (name, text) => setText($(`[data-metric="${name}"]`), text);
  const ago = (at) => (at ? relativeTo(at, serverNow()) : '–');
  set('percent', drawBar($('#progress'), row));
  set('range', t('history.range', { from: instant(row.startTime), to: instant(row.endTime) }));
  const h = m.historyMetrics;
  set('interval', h.currentIntervalStart ? t('history.range', { from: instant(h.currentIntervalStart), to: instant(h.currentIntervalEnd) }) : t(row.state.status === 'RUNNING' ? 'history.noInterval' : 'history.notReading'));
  set('number', h.numberOfIntervals ? t('history.intervals', { n: number(h.currentIntervalNumber), total: number(h.numberOfIntervals) }) : '–');
  set('values', number(m.south.numberOfValuesRetrieved));
  set('files', number(m.south.numberOfFilesRetrieved));
  set('southConnection', ago(m.south.lastConnection));
  set('lastRead', m.south.lastRunStart ? `${ago(m.south.lastRunStart)}${m.south.lastRunDuration === null ? '' : ` (${duration(m.south.lastRunDuration)})`}` : '–');
  set('lastValue', m.south.lastValueRetrieved ? JSON.stringify(m.south.lastValueRetrieved) : m.south.lastFileRetrieved || '–');
  for (const [name, size] of [['sent', m.north.contentSentSize], ['inCache', m.north.currentCacheSize], ['inError', m.north.currentErrorSize], ['inArchive', m.north.currentArchiveSize]]) set(name, bytes(size));
  set('northConnection', ago(m.north.lastConnection));
  set('lastSent', m.north.lastContentSent || '–');
}

// save stores the form; items and bindings stay as they are.
async function save(shared, values) {
  const { one } = shared;
  const { reset, ...body } = values;
  await put(`${base}?items=keep&resetCache=${reset}`, { ...body, southType: one.southType, northType: one.northType }, SLOW);
  Object.assign(one, await get(base, headOnly));
  head(one);
  toast(t('connector.saved', { name: one.name }));
}
