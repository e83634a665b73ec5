// Versions: what runs, what ran before, packages that wait, the upgrade under way, and the way back.
import '../shell.js';
import { post, sessionEnded } from '../api.js';
import { ask } from '../dialog.js';
import { $, clone, setText, show } from '../dom.js';
import { bytes, instant } from '../format.js';
import { expectRestart, subscribe } from '../live.js';
import { has, t } from '../text.js';
import { complain, toast } from '../toast.js';

const part = (name) => $(`[data-version="${name}"]`);
const set = (name, text) => setText(part(name), text);

let now; // the versions as they are
let sending = false;

subscribe(({ upgrade }) => {
  if (!upgrade) return;
  now = upgrade;
  show($('#unmanaged'), !upgrade.managed);
  show($('#problem'), !!upgrade.problem);
  set('problem', upgrade.problem);
  installed(upgrade);
  progress(upgrade.progress);
  last(upgrade.last);
  rows('packages', upgrade.packages, (p) => ({ name: p.name, size: bytes(p.bytes), at: instant(p.at), state: p.reason ? t('versions.rejected', { reason: p.reason }) : t('versions.waiting') }));
  rows('bad', upgrade.bad, (b) => ({ version: b.version, reason: b.reason, at: instant(b.at) }));
});

const busy = ({ phase }) => !!phase && phase !== 'idle';

function installed(upgrade) {
  set('running', upgrade.version);
  set('launcher', upgrade.managed ? upgrade.launcherVersion : t('overview.noLauncher'));
  set('previous', upgrade.previous || t('versions.none'));
  set('target', upgrade.target ? t(`versions.source.${upgrade.source}`, { version: upgrade.target }) : t('versions.none'));
  set('folder', upgrade.folder);
  const key = `versions.phase.${upgrade.phase}`;
  set('phase', upgrade.managed ? t(has(key) ? key : 'versions.phase.busy') : '');
  part('phase').className = `badge badge-${busy(upgrade) ? 'info' : 'ok'}`;
  set('rollback', upgrade.previous ? t('versions.rollback.to', { version: upgrade.previous }) : t('versions.rollback'));
  $('#rollback').disabled = !upgrade.previous || busy(upgrade);
  allowSending(upgrade);
}

function allowSending(upgrade) {
  $('#send').disabled = sending || !upgrade?.managed || busy(upgrade);
}

function progress(command) {
  show($('#progress'), !!command);
  if (!command) return;
  set('progress', command.text || t('versions.begins', { version: command.version }));
  set('progress-error', command.error);
  const bar = part('progress-meter');
  const done = command.size > 0 ? command.bytes / command.size : 0;
  bar.setAttribute('aria-valuenow', String(Math.round(done * 100)));
  bar.firstElementChild.style.width = `${Math.round(done * 1000) / 10}%`;
}

const tones = { committed: 'ok', 'rolled-back': 'bad', refused: 'warn' };

function last(outcome) {
  show($('#last'), !!outcome);
  if (!outcome) return;
  part('outcome').className = `badge badge-${tones[outcome.outcome] ?? 'neutral'}`;
  set('outcome', t(`versions.outcome.${outcome.outcome}`));
  set('last', t(`versions.source.${outcome.source}`, { version: outcome.version || t('versions.unknown') }));
  set('last-reason', [outcome.reason, ...(outcome.warnings ?? [])].filter(Boolean).join('. '));
  set('last-at', instant(outcome.at));
}

const shown = {};

// rows draws a table anew when it has changed.
function rows(name, list, texts) {
  const state = JSON.stringify(list ?? []);
  if (shown[name] === state) return;
  shown[name] = state;
  show($(`#${name}`), list?.length > 0);
  const kind = name === 'bad' ? 'bad' : 'package';
  $(`#${kind}-rows`).replaceChildren(...(list ?? []).map((item) => clone($(`#${kind}-row`), texts(item))));
}

$('#rollback').addEventListener('click', async () => {
  const values = { from: now.version, version: now.previous };
  if (!(await ask({ title: t('versions.rollback.title', values), text: t('versions.rollback.text', values), yes: t('versions.rollback.to', values), danger: true }))) return;
  try {
    await post('/api/upgrade/rollback');
    expectRestart(true);
    toast(t('versions.rollback.asked', values));
  } catch (error) {
    complain(error);
  }
});

$('#upload').addEventListener('submit', async (event) => {
  event.preventDefault();
  const file = $('#package').files[0];
  if (!file || !(await ask({ title: t('versions.upload.title', { name: file.name }), text: t('versions.upload.text', { version: now?.version ?? '' }), yes: t('versions.upload') }))) return;
  sending = true;
  $('#send').disabled = true;
  try {
    await send(file);
    expectRestart(true);
    $('#upload').reset();
    setText($('#upload-state'), t('versions.upload.done'));
  } catch (error) {
    setText($('#upload-state'), '');
    complain(error);
  }
  show($('#uploaded'), false);
  sending = false;
  allowSending(now);
});

// send uploads a file and shows how far it is, which fetch does not tell.
function send(file) {
  const bar = $('#uploaded');
  bar.value = 0;
  show(bar, true);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/api/upgrade/package?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('Content-Type', 'application/zip');
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      bar.value = total ? loaded / total : 0;
      setText($('#upload-state'), loaded < total ? t('versions.upload.sent', { sent: bytes(loaded), total: bytes(total) }) : t('versions.upload.verified'));
    });
    request.addEventListener('load', () => {
      if (request.status < 300) resolve();
      else if (request.status === 401 || request.status === 403) sessionEnded();
      else reject(new Error(reason(request)));
    });
    request.addEventListener('error', () => reject(new Error(t('failure.offline'))));
    request.send(file);
  });
}

function reason(request) {
  try {
    const { message, error } = JSON.parse(request.responseText);
    return message || error;
  } catch {
    return t('failure.status', { status: request.status });
  }
}
