// The commands that the cloud sent, with what became of each.
import '../shell.js';
import { get, remove } from '../api.js';
import { ask, openDialog } from '../dialog.js';
import { $, $$, clone, setText, show } from '../dom.js';
import { duration, instant, moment } from '../format.js';
import { List, pager } from '../list.js';
import { subscribe } from '../live.js';
import { has, t } from '../text.js';
import { complain, toast } from '../toast.js';

const root = $('#commands');
const filters = $('#filters');
const tones = { RETRIEVED: 'neutral', RUNNING: 'info', COMPLETED: 'ok', ERRORED: 'bad', CANCELLED: 'warn' };
const envelope = ['id', 'createdBy', 'updatedBy', 'createdAt', 'updatedAt', 'status', 'ack', 'targetVersion', 'retrievedDate', 'completedDate', 'result', 'type'];
let page = 0, open, counts;

const title = (type) => (has(`command.${type}`) ? t(`command.${type}`) : type);

function restore() {
  const query = new URLSearchParams(location.search);
  const status = (query.get('status') ?? '').split(',');
  for (const box of $$('[name=status]', filters)) box.checked = status.includes(box.value);
  filters.elements.types.value = query.get('types') ?? '';
  if (filters.elements.types.selectedIndex < 0) filters.elements.types.value = '';
  filters.elements.unacknowledged.checked = query.get('ack') === 'false';
}

function query() {
  return {
    status: $$('[name=status]:checked', filters).map((box) => box.value).join(','),
    types: filters.elements.types.value,
    ack: filters.elements.unacknowledged.checked ? 'false' : '',
  };
}

const filtered = () => Object.values(query()).some(Boolean);
const showPage = pager(root, (number) => { page = number; list.refresh(); });

const list = new List(root, async () => {
  const found = await get('/api/oianalytics/commands/search', { ...query(), page });
  if (!found.content.length && page > 0) {
    page = Math.max(0, found.totalPages - 1);
    return list.load();
  }
  list.rows(found.content.map(row));
  showPage(found);
  if (found.content.length) return 'rows';
  return filtered() ? 'nomatch' : 'empty';
});

function row(command) {
  const element = clone($('#row'), {
    status: t(`status.${command.status}`), title: title(command.type), type: command.type,
    retrieved: moment(command.retrievedDate), duration: took(command), result: command.result ?? '',
  });
  $('.badge', element).classList.add(`badge-${tones[command.status]}`);
  $('time', element).title = instant(command.retrievedDate);
  show($('.ack-yes', element), command.ack);
  show($('.ack-no', element), !command.ack);
  $('[data-open]', element).addEventListener('click', () => details(command));
  $('[data-delete]', element).addEventListener('click', () => drop(command));
  return element;
}

const took = (c) => (c.completedDate ? duration(Date.parse(c.completedDate) - Date.parse(c.retrievedDate)) : '');

function details(command) {
  open = command;
  setText($('#details-title'), title(command.type));
  const set = (name, text) => setText($(`[data-detail="${name}"]`), text);
  set('id', command.id);
  set('type', command.type);
  set('status', t(`status.${command.status}`));
  $('[data-detail=status]').className = `badge badge-${tones[command.status]}`;
  set('retrieved', instant(command.retrievedDate));
  set('completed', command.completedDate ? `${instant(command.completedDate)} (${took(command)})` : '–');
  set('target', command.targetVersion ?? '–');
  set('ack', t(command.ack ? 'commands.acknowledged' : 'commands.notAcknowledged'));
  set('result', pretty(command.result) || t('commands.noResult'));
  $('[data-detail=result]').classList.toggle('bad', command.status === 'ERRORED');
  const content = Object.fromEntries(Object.entries(command).filter(([key]) => !envelope.includes(key)));
  set('content', Object.keys(content).length ? JSON.stringify(content, null, 2) : t('commands.noContent'));
  if (!$('#details').open) openDialog($('#details'));
}

// pretty lays out a result that is JSON; any other text stays as it is.
function pretty(text) {
  if (!/^[[{]/.test(text ?? '')) return text ?? '';
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

async function drop(command) {
  const waits = command.status === 'RETRIEVED' || command.status === 'RUNNING' || !command.ack;
  const text = t(waits ? 'commands.delete.waiting' : 'commands.delete.text');
  if (!(await ask({ title: t('commands.delete', { title: title(command.type) }), text, yes: t('action.delete'), danger: true }))) return;
  try {
    await remove(`/api/oianalytics/commands/${encodeURIComponent(command.id)}`);
    $('#details').close();
    toast(t('commands.deleted'));
  } catch (error) {
    complain(error);
  }
  counts = ''; // what comes next is fetched whatever the counts say
  list.refresh({ quiet: true });
}

$('[data-delete]', $('#details')).addEventListener('click', () => drop(open));

function search() {
  page = 0;
  const text = new URLSearchParams(Object.entries(query()).filter(([, value]) => value)).toString();
  history.replaceState(null, '', text ? `?${text}` : location.pathname);
  list.refresh();
}
filters.addEventListener('change', search);
filters.addEventListener('submit', (event) => event.preventDefault());
$('[data-clear]', root).addEventListener('click', () => {
  filters.reset();
  search();
});

subscribe(({ commands, registration }) => {
  show($('[data-when-unregistered]'), registration.status === 'NOT_REGISTERED');
  const now = JSON.stringify(commands);
  if (counts !== undefined && now !== counts) list.refresh({ quiet: true });
  counts = now;
});

restore();
list.refresh();
