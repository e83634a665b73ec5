// The overview: the link with the cloud, the queue of commands, what the agent uses, what went wrong on disk.
import { expired, linkState } from '../shell.js';
import { post, remove } from '../api.js';
import { ask } from '../dialog.js';
import { $, $$, clone, setText, show } from '../dom.js';
import { bytes, countdown, duration, instant, number, percent, relativeTo } from '../format.js';
import { expectRestart, PAST, past, serverNow, subscribe } from '../live.js';
import { plural, t } from '../text.js';
import { complain } from '../toast.js';

const part = (name) => $(`[data-overview="${name}"]`);
const set = (name, text) => setText(part(name), text);

subscribe((overview) => {
  cloud(overview);
  commands(overview.commands);
  resources(overview.resources);
  flowing(overview);
  incidents(overview.incidents ?? []);
  guide(overview.guide ?? []);
  set('uptime', duration(serverNow() - Date.parse(overview.info.startedAt)));
  set('process', overview.info.processId);
});

const tones = { ok: 'ok', warn: 'warn', bad: 'bad', off: 'neutral' };

function cloud(overview) {
  const { registration, cloud: link } = overview;
  const state = linkState(overview);
  const late = registration.status === 'PENDING' && expired(registration);
  const key = late ? 'EXPIRED' : registration.status;
  part('status').className = `badge badge-${tones[state]}`;
  set('status', t(`status.${key}`));
  set('headline', t(`overview.cloud.${link.lastError && key === 'REGISTERED' ? 'FAILING' : key}`));
  set('detail', cloudDetail(registration, link, late));
  set('host', registration.host || '–');
  set('contact', link.lastContact ? relativeTo(link.lastContact, serverNow()) : t('overview.never'));
  part('contact').title = instant(link.lastContact);
  set('messages', link.pendingMessages ? plural('overview.messages.waiting', link.pendingMessages) : t('overview.messages.none'));
  set('action', t(`overview.cloud.action.${key}`));
}

function cloudDetail(registration, link, late) {
  if (registration.status === 'PENDING' && !late) {
    return t('overview.cloud.code', { code: registration.activationCode, left: countdown(Date.parse(registration.expiresAt) - serverNow()) });
  }
  if (registration.status === 'REGISTERED') return link.lastError || t('overview.cloud.since', { at: instant(registration.activatedAt) });
  return t(late ? 'overview.cloud.EXPIRED.text' : 'overview.cloud.NOT_REGISTERED.text');
}

function commands(queue) {
  for (const name of ['waiting', 'running', 'completed', 'errored']) {
    set(name, number(queue[name]));
    part(name).parentElement.classList.toggle('zero', !queue[name]);
  }
  let text = t('overview.commands.idle');
  if (queue.current) text = t('overview.commands.current', { type: t(`command.${queue.current}`) });
  else if (queue.unacknowledged) text = plural('overview.commands.unacknowledged', queue.unacknowledged);
  set('current', text);
}

function resources(now) {
  set('cpu', percent(now.cpu));
  set('cpu-sub', plural('overview.cpu.average', now.cores, { average: percent(now.cpuAverage) }));
  set('memory', bytes(now.memory));
  set('memory-sub', t('overview.memory.most', { most: bytes(now.memoryMax), total: bytes(now.memoryTotal) }));
  spark('cpu', 0.05);
  spark('memory', now.memoryMax || 1);
  const used = now.diskTotal ? 1 - now.diskFree / now.diskTotal : 0;
  set('disk', now.diskTotal ? bytes(now.diskFree) : '–');
  set('disk-sub', now.diskTotal ? t('overview.disk.free', { used: percent(used), total: bytes(now.diskTotal) }) : '');
  meter(part('disk-meter'), used);
}

// flowing shows how many connectors run, names those that fail, and says what waits to be sent.
function flowing({ souths, norths }) {
  show($('#flow'), [souths, norths].some((side) => side.running + side.failing + side.stopped > 0));
  for (const [name, side] of Object.entries({ souths, norths })) {
    for (const state of ['running', 'failing', 'stopped']) {
      set(`${name}-${state}`, number(side[state]));
      part(`${name}-${state}`).parentElement.classList.toggle('zero', !side[state]);
    }
    const key = JSON.stringify([side.troubles, side.failing]);
    const list = part(`${name}-troubles`);
    if (list.dataset.drawn === key) continue;
    list.dataset.drawn = key;
    list.replaceChildren(...side.troubles.map((trouble) => {
      const row = clone($('#trouble-row'), trouble);
      $('a', row).href = `/${name}/${encodeURIComponent(trouble.id)}`;
      return row;
    }));
    show(list, side.troubles.length > 0);
  }
  const { waiting, errored } = norths;
  set('norths-held', [
    waiting.contents ? plural('overview.flow.waiting', waiting.contents, { size: bytes(waiting.bytes) }) : t('overview.flow.nothing'),
    errored.contents ? plural('overview.flow.errored', errored.contents, { size: bytes(errored.bytes) }) : '',
  ].filter(Boolean).join(' · '));
}

// guide ticks off what is done. It stays to say so when everything needed is; the next page goes without it.
function guide(steps) {
  const place = $('#guide');
  if (!place) return;
  let next = true;
  for (const { name, done, path } of steps) {
    const row = $(`[data-step="${name}"]`, place);
    row.classList.toggle('done', done);
    show($('[data-step-done]', row), done);
    const link = $('a', row);
    link.href = path;
    show(link, !done);
    link.classList.toggle('primary', !done && next);
    if (!done) next = false;
  }
  const complete = steps.length > 0 && steps.every(({ done, optional }) => done || optional);
  place.classList.toggle('complete', complete);
  setText($('#guide-text'), t(complete ? 'guide.complete' : 'guide.text'));
  setText($('#guide-off'), t(complete ? 'action.close' : 'guide.off'));
  if (complete) remember();
}

let remembered = false;

// remember that this person needs no guide any more.
function remember() {
  if (!remembered) remove('/page/guide').catch(complain);
  remembered = true;
}

$('#guide-off')?.addEventListener('click', () => {
  remember();
  $('#guide').remove();
  $('#main').focus();
});

// meter fills a bar; a disk that is nearly full stands out.
function meter(bar, used) {
  bar.setAttribute('aria-valuenow', String(Math.round(used * 100)));
  bar.dataset.tone = used > 0.9 ? 'bad' : used > 0.8 ? 'warn' : '';
  bar.firstElementChild.style.width = `${Math.round(used * 1000) / 10}%`;
}

// spark draws the last two minutes, from zero to the highest value, which is at least floor.
function spark(name, floor) {
  const points = past(name);
  const top = Math.max(floor, ...points.map(({ value }) => value)) * 1.15;
  const x = ({ age }) => (240 * (1 - age / PAST)).toFixed(1);
  const line = points.map((point, i) => `${i ? 'L' : 'M'}${x(point)} ${(47 - (point.value / top) * 45).toFixed(1)}`).join('');
  const chart = $(`[data-spark="${name}"]`);
  $('.spark-line', chart).setAttribute('d', line);
  $('.spark-area', chart).setAttribute('d', `${line}L${x(points.at(-1))} 48L${x(points[0])} 48Z`);
}

let shown = '';

function incidents(list) {
  const state = JSON.stringify(list);
  if (state === shown) return;
  shown = state;
  const area = $('#incidents');
  for (const old of $$('.notice-bad', area)) old.remove();
  area.append(...list.map((incident) => clone($('#incident-row'), {
    title: t('overview.incident', { file: incident.file }),
    text: `${sentence(incident.reason)} ${sentence(incident.action)}`,
    at: instant(incident.at),
  })));
}

const sentence = (text = '') => text && text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

$('#restart').addEventListener('click', async () => {
  if (!(await ask({ title: t('overview.restart.title'), text: t('overview.restart.text'), yes: t('overview.restart') }))) return;
  try {
    expectRestart(true); // the answer may not make it
    await post('/api/engine/restart');
  } catch (error) {
    expectRestart(!!error.offline);
    complain(error);
  }
});
