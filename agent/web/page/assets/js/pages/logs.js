// The logs: what the journal holds that matches the filter, newest on top, and what is written from now on.
import '../shell.js';
import { get, search as queryText } from '../api.js';
import { $, $$, clone, download, h, later, setText, show } from '../dom.js';
import { fromLocalTime, instant, logTime, number, timeZoneName } from '../format.js';
import { List } from '../list.js';
import { tail } from '../connector/stream.js';
import { serverNow } from '../live.js';
import { plural, t } from '../text.js';
import { complain, toast } from '../toast.js';

const MOST_LINES = 2000; // shown at once; older ones leave as new ones come
const MOST_HELD = 2000; // new ones kept while paused
const MOST_SAVED = 50_000; // in one download
const AT_ONCE = 1000; // of these
const OPENING = 3000; // ms that the search waits for the stream, which then misses nothing of what comes after
const FLUSH = 200; // ms between drawings of new lines
const ranges = { '15m': 900, '1h': 3600, '24h': 86_400, '7d': 604_800 };
const normal = ['error', 'warn', 'info'];

const root = $('#logs');
const filters = $('#filters');
const lines = $('#log-list');
setText($('#custom [data-zone]'), t('history.zone', { zone: timeZoneName }));
let page = 0, until, total = 0, stream, held = [], following = true, flushTimer, lost = 0, asked = 0, busy = false, loading;

function restore() {
  const query = new URLSearchParams(location.search);
  const levels = query.has('levels') ? query.get('levels').split(',') : normal;
  for (const box of $$('[name=levels]', filters)) box.checked = levels.includes(box.value);
  for (const name of ['messageContent', 'range', 'scope', 'from', 'to']) {
    if (query.has(name)) filters.elements[name].value = query.get(name);
  }
  if (filters.elements.range.selectedIndex < 0) filters.elements.range.value = '24h';
  show($('#custom'), filters.elements.range.value === 'custom');
}

const chosen = () => $$('[name=levels]:checked', filters).map((box) => box.value);

// what the stream and the search have in common.
function filter() {
  const [kind, scope] = split(filters.elements.scope.value);
  return {
    levels: chosen().join(','), messageContent: filters.elements.messageContent.value.trim(),
    scopeTypes: kind === 'type' ? scope : '', scopeIds: kind === 'id' ? scope : '',
  };
}

function split(text) {
  const at = text.indexOf(':');
  return at < 0 ? ['', ''] : [text.slice(0, at), text.slice(at + 1)];
}

function period() {
  const range = filters.elements.range.value;
  if (range === 'custom') {
    const [from, to] = [filters.elements.from.value, filters.elements.to.value];
    return { start: from ? fromLocalTime(from) : new Date(0).toISOString(), end: to ? fromLocalTime(to) : new Date(serverNow()).toISOString() };
  }
  const start = ranges[range] ? serverNow() - ranges[range] * 1000 : 0;
  return { start: new Date(start).toISOString(), end: new Date(serverNow() + 1000).toISOString() };
}

// A period that ended has nothing to follow.
const live = () => filters.elements.range.value !== 'custom' || !filters.elements.to.value;

const list = new List(root, () => {
  loading = load(++asked);
  return loading;
});

// load searches anew and follows from there. When it is asked for once more meanwhile, the last one counts.
async function load(turn) {
  page = 0;
  held = [];
  busy = true;
  try {
    await Promise.race([listen(), new Promise((resolve) => { setTimeout(resolve, OPENING); })]);
    const range = period();
    const found = await get('/api/logs', { ...filter(), ...range, page: 0 });
    if (turn !== asked) return loading;
    until = range;
    total = found.totalElements;
    const known = new Set(found.content.map(key));
    held = held.filter((entry) => !known.has(key(entry)));
    lines.classList.remove('dated');
    lines.replaceChildren(...found.content.map(line));
    foot(found);
  } finally {
    if (turn === asked) busy = false;
  }
  flush();
  return lines.childElementCount ? 'rows' : 'empty';
}

const key = (entry) => `${entry.timestamp} ${entry.level} ${entry.scopeId ?? ''} ${entry.message}`;

function foot(found) {
  show($('#older'), found.number + 1 < found.totalPages);
  count();
}

function count() {
  setText($('#log-count'), t('logs.count', { shown: number(lines.childElementCount), total: number(Math.max(total, lines.childElementCount)) }));
}

function line(entry) {
  const element = clone($('#row'));
  element.dataset.level = entry.level;
  const time = $('time', element);
  time.dateTime = entry.timestamp;
  time.textContent = logTime(entry.timestamp);
  time.title = instant(entry.timestamp);
  if (time.textContent.length > 12) lines.classList.add('dated'); // of another day: the column is wider
  setText($('.log-level', element), t(`level.${entry.level}`));
  const scope = scopeName(entry);
  show($('.log-scope', element), !!scope);
  setText($('.log-scope', element), scope);
  $('.log-message', element).append(...highlighted(entry.message));
  return element;
}

function scopeName(entry) {
  const parts = [entry.scopeName, entry.groupName, entry.itemName].filter(Boolean);
  if (entry.scopeType === 'internal') return parts.join(' › ');
  return [t(`scope.${entry.scopeType}`), ...parts].join(' › ');
}

// highlighted cuts a message where it contains the text searched for.
function highlighted(message) {
  const text = filters.elements.messageContent.value.trim();
  if (!text) return [message];
  const parts = [];
  const lower = message.toLowerCase();
  let from = 0;
  for (let i = lower.indexOf(text.toLowerCase()); i >= 0; i = lower.indexOf(text.toLowerCase(), from)) {
    parts.push(message.slice(from, i), h('mark', {}, message.slice(i, i + text.length)));
    from = i + text.length;
  }
  return [...parts, message.slice(from)];
}

// listen follows the log from now on; it returns once that has begun.
function listen() {
  stream?.stop();
  stream = undefined;
  if (!live() || document.hidden) return undefined;
  stream = tail(`/sse/logs${queryText(filter())}`, (entry) => {
    held.unshift(entry);
    if (held.length > MOST_HELD) {
      lost += held.length - MOST_HELD;
      held.length = MOST_HELD;
    }
    flushTimer ??= setTimeout(flush, FLUSH);
  });
  return stream.opened;
}

// flush draws what came in, or says how much waits while paused.
function flush() {
  clearTimeout(flushTimer);
  flushTimer = undefined;
  note();
  if (!following || !held.length || busy) return;
  const below = window.scrollY > 200;
  lines.prepend(...held.map(line));
  total += held.length;
  if (below) fresh(held.length);
  held = [];
  while (lines.childElementCount > MOST_LINES) lines.lastElementChild.remove();
  list.state('rows');
  count();
}

let unseen = 0;

// fresh tells a person who reads further down that there are new lines on top.
function fresh(n) {
  unseen += n;
  setText($('#log-new'), plural('logs.new', unseen));
  show($('#log-new'), unseen > 0);
}

function note() {
  const texts = [];
  if (!following) texts.push(held.length ? plural('logs.held', held.length) : t('logs.paused'));
  if (lost) texts.push(plural('logs.lost', lost));
  show($('#log-note'), texts.length > 0);
  setText($('#log-note'), texts.join(' '));
}

function follow(on) {
  following = on;
  $('#follow').setAttribute('aria-pressed', String(on));
  flush();
}

$('#follow').addEventListener('click', () => follow(!following));
$('#log-new').addEventListener('click', () => window.scrollTo({ top: 0, behavior: 'smooth' }));
window.addEventListener('scroll', () => { if (unseen && window.scrollY < 200) { unseen = 0; fresh(0); } }, { passive: true });

$('#older').addEventListener('click', async (event) => {
  const button = event.currentTarget;
  button.setAttribute('aria-busy', 'true');
  try {
    const found = await get('/api/logs', { ...filter(), ...until, page: page + 1 });
    page = found.number;
    lines.append(...found.content.map(line));
    foot(found);
  } catch (error) {
    complain(error);
  } finally {
    button.removeAttribute('aria-busy');
  }
});

$('#download').addEventListener('click', async (event) => {
  const button = event.currentTarget;
  button.setAttribute('aria-busy', 'true');
  try {
    const fixed = period();
    const entries = [];
    for (let n = 0, pages = 1; n < pages && entries.length < MOST_SAVED; n++) {
      const found = await get('/api/logs', { ...filter(), ...fixed, page: n, size: AT_ONCE });
      pages = found.totalPages;
      entries.push(...found.content);
    }
    if (!entries.length) {
      toast(t('logs.nothing'), { bad: true });
      return;
    }
    const stamp = new Date(serverNow()).toISOString().slice(0, 19).replaceAll(':', '-');
    download(`oibus-${stamp}.log`, `${entries.map(asText).join('\n')}\n`);
    toast(plural('logs.saved', entries.length));
  } catch (error) {
    complain(error);
  } finally {
    button.removeAttribute('aria-busy');
  }
});

function asText(entry) {
  const scope = [entry.scopeType, entry.scopeName, entry.groupName, entry.itemName].filter(Boolean).join('/');
  return `${entry.timestamp} ${entry.level.toUpperCase().padEnd(5)} [${scope}] ${entry.message}`;
}

function search() {
  show($('#custom'), filters.elements.range.value === 'custom');
  const query = { ...filter(), range: filters.elements.range.value, scope: filters.elements.scope.value, from: filters.elements.from.value, to: filters.elements.to.value };
  delete query.scopeTypes;
  delete query.scopeIds;
  if (query.levels === normal.join(',')) delete query.levels;
  if (query.range === '24h') delete query.range;
  history.replaceState(null, '', queryText(query) || location.pathname);
  lost = 0;
  list.refresh();
}

const searchLater = later(search, 300);
filters.addEventListener('change', (event) => { if (event.target.name !== 'messageContent') search(); });
filters.elements.messageContent.addEventListener('input', searchLater);
filters.addEventListener('submit', (event) => event.preventDefault());
$('[data-clear]', root).addEventListener('click', () => {
  filters.reset();
  for (const box of $$('[name=levels]', filters)) box.checked = normal.includes(box.value);
  search();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) list.refresh({ quiet: true });
  else stream?.stop();
});

// Connectors that wrote logs can be chosen by name.
async function scopes() {
  try {
    const found = await get('/api/logs/scopes/suggest', { name: '' });
    const group = $('#scopes');
    group.replaceChildren(...found.map(({ scopeId, scopeName }) => new Option(scopeName, `id:${scopeId}`)));
    show(group, found.length > 0);
  } catch (error) {
    if (!error.offline && error.status !== 404) complain(error);
  }
}

await scopes();
restore();
list.refresh();
