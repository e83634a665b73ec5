// Scan modes: when things run, with the next runs, checked while the cron expression is typed.
import '../shell.js';
import { get, post } from '../api.js';
import { $, $$, clone, h, later, setText, show } from '../dom.js';
import { instant, moment, relativeTo } from '../format.js';
import { Editor, List } from '../list.js';
import { described } from '../cron.js';
import { serverNow } from '../live.js';
import { said } from '../said.js';
import { t } from '../text.js';

const RESERVED = 'subscription';
const ONE_BY_ONE = 4; // verifications under way at once
const schedules = new Map(); // cron expression → verification

const list = new List($('#list'), async () => {
  const all = await get('/api/scan-modes');
  await verifyAll(all.map((mode) => mode.cron).filter(Boolean));
  list.rows(all.map(row));
  return all.length ? 'rows' : 'empty';
});

const editor = new Editor({
  path: '/api/scan-modes', kind: 'scan-modes', saved: () => list.refresh({ quiet: true }),
  toForm: (mode) => mode ?? { name: '', description: '', cron: '' },
  opened: () => showVerification(),
});

async function verifyAll(crons) {
  const queue = [...new Set(crons)];
  const worker = async () => { for (let cron = queue.pop(); cron; cron = queue.pop()) schedules.set(cron, await verify(cron)); };
  await Promise.all(Array.from({ length: ONE_BY_ONE }, worker));
}

// meaning is a valid expression in words: those of the page, else those of the REST API for who reads English.
const meaning = (cron, schedule) => schedule?.isValid && (described(cron) || (document.documentElement.lang === 'en' ? schedule.humanReadableForm : cron));
const problem = (schedule) => (schedule?.errorMessage ?? '').replace(/^Cron Expression: /, '');

const verify = (cron, signal) => post('/api/scan-modes/verify', { cron }, { signal });

function row(mode) {
  const schedule = schedules.get(mode.cron);
  const reserved = mode.id === RESERVED;
  const element = clone($('#row'), {
    name: mode.name, description: mode.description ?? '', cron: mode.cron,
    human: reserved ? t('scan-modes.subscription') : meaning(mode.cron, schedule) || said(problem(schedule)),
  });
  element.dataset.cron = mode.cron;
  show($('code', element), !reserved);
  for (const button of $$('.row-actions button', element)) show(button, !reserved);
  $('[data-edit]', element).addEventListener('click', () => editor.change(mode));
  $('[data-edit]', element).setAttribute('aria-label', t('scan-modes.editOne', { name: mode.name }));
  $('[data-delete]', element).addEventListener('click', () => editor.drop(mode));
  $('[data-delete]', element).setAttribute('aria-label', t('scan-modes.deleteOne', { name: mode.name }));
  next(element);
  return element;
}

// next shows when a scan mode runs next; what has passed moves on to the run after it.
function next(element) {
  const schedule = schedules.get(element.dataset.cron);
  const runs = (schedule?.nextExecutions ?? []).filter((at) => Date.parse(at) >= serverNow());
  const cell = $('[data-text=next]', element);
  setText(cell, runs.length ? `${moment(runs[0], serverNow())} · ${relativeTo(runs[0], serverNow())}` : '–');
  cell.title = runs.map(instant).join('\n');
  return runs.length > 0 || !schedule?.isValid;
}

let refreshing = false;
setInterval(async () => {
  const stale = $$('tbody tr', list.root).filter((element) => element.dataset.cron && !next(element));
  if (!stale.length || refreshing || document.hidden) return;
  refreshing = true;
  try {
    await verifyAll(stale.map((element) => element.dataset.cron));
  } catch { /* the banner tells about a broken line */ } finally {
    refreshing = false;
  }
}, 1000);

const field = $('[name=cron]', editor.dialog);
let asking;

async function showVerification() {
  asking?.abort();
  asking = new AbortController();
  const box = $('#verify');
  const cron = field.value.trim();
  for (const preset of $$('[data-cron]', editor.dialog)) preset.setAttribute('aria-pressed', String(preset.dataset.cron === cron));
  if (!cron) {
    draw(box, '', t('scan-modes.verify.empty'), []);
    return;
  }
  try {
    const schedule = await verify(cron, asking.signal);
    const { isValid, nextExecutions } = schedule;
    draw(box, isValid ? 'ok' : 'bad', isValid ? meaning(cron, schedule) : said(problem(schedule)), isValid ? nextExecutions : []);
  } catch (error) {
    if (error.name !== 'AbortError') draw(box, 'bad', error.message, []);
  }
}

function draw(box, tone, text, runs) {
  box.dataset.tone = tone;
  setText($('[data-verify=human]', box), text);
  $('[data-verify=next]', box).replaceChildren(...runs.slice(0, 5).map((at) => h('li', {}, h('span', {}, instant(at)), h('span', { class: 'muted' }, relativeTo(at, serverNow())))));
}

field.addEventListener('input', later(showVerification, 250));
for (const preset of $$('[data-cron]', editor.dialog)) {
  preset.addEventListener('click', () => {
    field.value = preset.dataset.cron;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    showVerification();
  });
}

list.refresh();
