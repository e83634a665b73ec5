// The list of all history queries: state, progress and what was read, live; start, pause, duplicate, delete.
import '../shell.js';
import { get } from '../api.js';
import { $, $$, clone, fillText, later, show } from '../dom.js';
import { bytes, instant } from '../format.js';
import { t } from '../text.js';
import { typeName } from '../connector/labels.js';
import { follow } from '../connector/stream.js';
import { drop, pause, run } from './actions.js';
import { Samples } from '../connector/live.js';
import { perSecond } from '../connector/rate.js';
import { counts, drawBar, drawState, starts } from './live.js';

const root = $('#list');
const filters = $('#filters');
const rows = new Map(); // id → element
const samples = new Samples('oibus-history-flow');
let all;

const state = (name) => { for (const part of $$('[data-state]', root)) show(part, part.dataset.state === name); };

function draw() {
  const name = $('#search').value.trim().toLowerCase();
  const states = $$('[name=state]:checked', filters).map((box) => box.value);
  const found = all.filter((q) => (!name || `${q.name} ${q.southType} ${q.northType} ${q.description}`.toLowerCase().includes(name)) && (!states.length || states.includes(q.state.status)));
  const body = $('tbody', root);
  const elements = found.map((q) => {
    if (!rows.has(q.id)) rows.set(q.id, make(q));
    update(rows.get(q.id), q);
    return rows.get(q.id);
  });
  if (elements.length !== body.children.length || elements.some((e, i) => body.children[i] !== e)) body.replaceChildren(...elements);
  show(filters, all.length > 0);
  state(!all.length ? 'empty' : found.length ? 'rows' : 'nomatch');
}

function make(q) {
  const element = clone($('#row'));
  element.dataset.id = q.id;
  $('[data-link]', element).href = `/history/${q.id}`;
  $('[data-duplicate]', element).href = `/history/new?duplicate=${q.id}`;
  $('[data-toggle]', element).addEventListener('click', async () => {
    const { of } = element;
    await (of.state.status === 'RUNNING' ? pause(of) : run(of, of.state.status));
    load();
  });
  $('[data-delete]', element).addEventListener('click', async () => {
    if (!(await drop(element.of))) return;
    rows.delete(q.id);
    load();
  });
  return element;
}

function update(element, q) {
  element.of = q;
  const runs = q.state.status === 'RUNNING';
  fillText(element, {
    name: q.name, about: [`${typeName(q.southType)} → ${typeName(q.northType)}`, q.description].filter(Boolean).join(' · '), error: q.state.reason,
    percent: drawBar($('.meter', element), q), range: t('history.range', { from: instant(q.startTime), to: instant(q.endTime) }),
    rate: runs ? perSecond('south', samples.rate(q.id)) : '', counts: counts(q.metrics), sent: t('history.sent', { size: bytes(q.metrics?.north?.contentSentSize) }),
  });
  samples.draw($('.spark', element), q.id, 96, 24);
  drawState($('.badge', element), q);
  const button = $('[data-toggle]', element);
  button.setAttribute('aria-label', t(runs ? 'history.pauseOne' : `history.${starts(q.state.status)}One`, { name: q.name }));
  show($('.when-on', button), runs);
  show($('.when-off', button), !runs);
  $('[data-delete]', element).setAttribute('aria-label', t('connector.deleteOne', { name: q.name }));
}

async function load() {
  try {
    all = await get('/api/history-states');
    draw();
  } catch (error) {
    $('[data-failure]', root).textContent = error.message;
    if (!all) state('failed');
  }
}

$('[data-retry]', root).addEventListener('click', load);
filters.addEventListener('input', later(draw, 100));
filters.addEventListener('submit', (event) => event.preventDefault());
$('[data-clear]', root).addEventListener('click', () => {
  filters.reset();
  draw();
});
load().then(() => follow('/sse/history-states', (live) => {
  all = live;
  samples.take(live.map(({ id, metrics }) => [id, (metrics?.south?.numberOfValuesRetrieved ?? 0) + (metrics?.south?.numberOfFilesRetrieved ?? 0)]));
  draw();
}));
