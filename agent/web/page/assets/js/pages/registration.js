// Registration with OIAnalytics: the form, the code to type there, and what this OIBus is once it was accepted.
import { expired } from '../shell.js';
import { get, post, put } from '../api.js';
import { ask } from '../dialog.js';
import { $, $$, copy, setText, show } from '../dom.js';
import { countdown, instant, relativeTo } from '../format.js';
import { Form } from '../form.js';
import { latest, serverNow, subscribe } from '../live.js';
import { t } from '../text.js';
import { complain, toast } from '../toast.js';

const root = $('#registration');
const element = $('#registration-form');
const reg = (name) => $(`[data-reg="${name}"]`);
const optional = ['proxyUrl', 'proxyUsername', 'proxyPassword', 'apiGatewayHeaderKey', 'apiGatewayHeaderValue', 'apiGatewayBaseEndpoint'];
let stored, mode = 'register', asked = false; // asked: the person opened the form beside a registration

const form = new Form(element, { submit: save });

// body is what the API takes: texts that are not given are null.
function body(values) {
  for (const name of optional) values[name] ||= null;
  return values;
}

async function save(values) {
  if (mode === 'edit') {
    await put('/api/oianalytics/registration', body(values));
    toast(t('registration.saved'));
  } else {
    await post('/api/oianalytics/register', body(values), { seconds: 90 });
    toast(t('registration.sent'));
  }
  asked = false;
  await load();
  window.scrollTo({ top: 0 });
  if (stored.status === 'PENDING') $('#code').focus();
}

async function load() {
  root.setAttribute('aria-busy', 'true');
  try {
    stored = await get('/api/oianalytics/registration');
    state('');
    draw();
  } catch (error) {
    if (error.name === 'AbortError') return;
    setText($('[data-failure]', root), error.message);
    state('failed');
  } finally {
    root.removeAttribute('aria-busy');
  }
}

function state(name) {
  for (const part of $$('[data-state]', root)) show(part, part.dataset.state === name);
}

function draw() {
  const free = stored.status === 'NOT_REGISTERED';
  show($('#state-pending'), stored.status === 'PENDING');
  show($('#state-registered'), stored.status === 'REGISTERED');
  if (stored.status === 'PENDING') pending();
  if (stored.status === 'REGISTERED') registered();
  if (free) fill('register');
  show(element, free || asked);
}

// fill shows the stored settings: to register (the address can be chosen) or to edit (it cannot).
function fill(as) {
  mode = as;
  form.fill({ ...stored, proxyPassword: '', apiGatewayHeaderValue: '' });
  const update = $('[name="commandPermissions.updateVersion"]');
  if (root.dataset.ignoreUpdate === 'true') {
    update.checked = false;
    update.disabled = true;
  }
  const host = $('[name=host]', element);
  if (!$('.pinned', host.closest('.field'))) host.readOnly = as === 'edit';
  $$('.hint', host.closest('.field')).forEach((hint) => setText(hint, t(as === 'edit' ? 'registration.host.fixed' : 'registration.host.hint')));
  setText($('#form-title'), t(as === 'edit' ? 'registration.edit' : 'registration.connect'));
  setText($('#form-lead'), t(as === 'edit' ? 'registration.edit.text' : 'registration.connect.text'));
  setText($('#submit'), t(as === 'edit' ? 'action.save' : 'registration.register'));
  show($('#edit-cancel'), stored.status !== 'NOT_REGISTERED');
  setText($('#test-result'), '');
  form.settle();
  summaries();
}

function openForm(as) {
  asked = true;
  fill(as);
  show(element, true);
  element.scrollIntoView({ block: 'start' });
  $(as === 'edit' ? '[name=acceptUnauthorized]' : '[name=host]', element).focus({ preventScroll: true });
}

// summaries keep what folded parts hold readable.
function summaries() {
  const values = form.read();
  setText(reg('timing'), t('registration.timing.text', { refresh: values.commandRefreshInterval ?? '–', retry: values.commandRetryInterval ?? '–', message: values.messageRetryInterval ?? '–' }));
  const all = Object.values(values.commandPermissions);
  setText(reg('allowed'), t('registration.permissions.count', { n: all.filter(Boolean).length, total: all.length }));
  for (const group of $$('.permission-group', element)) {
    const boxes = $$('li input', group);
    const on = boxes.filter((box) => box.checked).length;
    const head = $('[data-all]', group);
    head.checked = on === boxes.length;
    head.indeterminate = on > 0 && on < boxes.length;
    setText($('[data-count]', group), `${on}/${boxes.length}`);
  }
}
form.onchange = summaries;

for (const head of $$('[data-all]')) {
  head.addEventListener('change', () => {
    for (const box of $$('li input:not(:disabled)', head.closest('.permission-group'))) box.checked = head.checked;
    element.dispatchEvent(new Event('input'));
    summaries();
  });
}

function pending() {
  const code = $('#code');
  const symbols = [...(stored.activationCode ?? '')];
  if (code.textContent !== symbols.join('')) {
    code.replaceChildren(...symbols.map((symbol) => {
      const cell = document.createElement('span');
      cell.textContent = symbol;
      return cell;
    }));
    code.setAttribute('aria-label', t('registration.spelled', { code: symbols.join(' ') }));
  }
  const link = $('#step-host');
  setText(link, stored.host);
  if (/^https?:\/\//i.test(stored.host)) link.href = stored.host;
  else link.removeAttribute('href');
  tick();
}

// tick shows how long the code is good for; a code that expired asks for a new one.
function tick() {
  if (stored?.status !== 'PENDING') return;
  const expiresAt = stored.activationExpirationDate;
  const left = Date.parse(expiresAt) - serverNow();
  const whole = Date.parse(expiresAt) - Date.parse(stored.updatedAt);
  const late = expired({ expiresAt });
  const known = !Number.isNaN(left);
  $('#state-pending').classList.toggle('is-expired', late);
  reg('badge').className = `badge badge-${late ? 'bad' : 'warn'}`;
  setText(reg('badge'), t(late ? 'status.EXPIRED' : 'status.PENDING'));
  setText($('#pending-title'), t(late ? 'registration.expired' : 'registration.pending'));
  setText($('#countdown'), late ? t('registration.expired.text') : known ? t('registration.valid', { left: countdown(left) }) : '');
  const bar = $('#countdown-bar');
  bar.value = known && whole > 0 ? Math.min(1, Math.max(0, left / whole)) : 0;
  show(bar, known && !late);
  $('[data-do=renew]').classList.toggle('primary', late);
}
setInterval(tick, 1000);

function registered() {
  setText(reg('host'), stored.host);
  setText(reg('since'), instant(stored.activationDate));
  setText(reg('proxy'), stored.useProxy ? stored.proxyUrl || t('registration.on') : t('registration.none'));
  setText(reg('gateway'), stored.useApiGateway ? stored.apiGatewayHeaderKey || t('registration.on') : t('registration.none'));
  const all = Object.values(stored.commandPermissions ?? {});
  setText(reg('permissions'), t('registration.permissions.count', { n: all.filter(Boolean).length, total: all.length }));
  contact(latest);
}

function contact(overview) {
  if (!overview) return;
  setText(reg('contact'), overview.cloud.lastContact ? relativeTo(overview.cloud.lastContact, serverNow()) : t('overview.never'));
  show($('#cloud-error'), !!overview.cloud.lastError);
  setText($('#cloud-error span'), overview.cloud.lastError);
}

// The cloud answers at its own time: what is shown follows.
subscribe(({ registration, ...overview }) => {
  if (!stored) return;
  contact(overview);
  const moved = registration.status !== stored.status || (registration.activationCode || '') !== (stored.activationCode || '');
  if (!moved || root.getAttribute('aria-busy') || form.busy) return;
  if (registration.status === 'REGISTERED' && stored.status === 'PENDING') {
    toast(t('registration.done'));
    asked = false;
  }
  load();
});

$('#copy-code').addEventListener('click', async () => {
  try {
    await copy(stored.activationCode);
    toast(t('registration.copied'));
  } catch {
    toast(t('failure.copy'), { bad: true });
  }
});

$('#edit-cancel').addEventListener('click', () => {
  asked = false;
  form.settle();
  draw();
  window.scrollTo({ top: 0 });
});

$('#test').addEventListener('click', async (event) => {
  if (!form.validate()) return;
  const button = event.currentTarget;
  const result = $('#test-result');
  button.setAttribute('aria-busy', 'true');
  result.className = 'test-result';
  setText(result, t('registration.testing'));
  try {
    await post('/api/oianalytics/registration/test-connection', body(form.read()), { seconds: 90 });
    result.classList.add('ok');
    setText(result, t('registration.tested'));
  } catch (failure) {
    result.classList.add('bad');
    setText(result, failure.message);
  } finally {
    button.removeAttribute('aria-busy');
  }
});

const actions = {
  async edit() {
    try {
      stored = await get('/api/oianalytics/registration'); // the cloud may have changed what it has
    } catch (error) {
      complain(error);
      return;
    }
    openForm('edit');
  },
  // A code that nobody used is replaced at once; a registration that works is only left after a question.
  async renew() {
    if (stored.status === 'REGISTERED') {
      openForm('register');
      return;
    }
    const settings = Object.fromEntries(form.controls.map(({ name }) => name.split('.')[0]).map((name) => [name, stored[name]]));
    try {
      await post('/api/oianalytics/register', body({ ...settings, proxyPassword: null, apiGatewayHeaderValue: null }), { seconds: 90 });
      toast(t('registration.sent'));
      await load();
      $('#code').focus();
    } catch (error) {
      complain(error);
    }
  },
  async unregister() {
    const waiting = stored.status === 'PENDING';
    const key = waiting ? 'registration.cancel' : 'registration.unregister';
    if (!(await ask({ title: t(`${key}.title`), text: t(`${key}.text`), yes: t(key), danger: true }))) return;
    try {
      await post('/api/oianalytics/unregister');
      toast(t(`${key}.done`));
      asked = false;
      await load();
    } catch (error) {
      complain(error);
    }
  },
};

for (const button of $$('[data-do]')) {
  button.addEventListener('click', async () => {
    button.setAttribute('aria-busy', 'true');
    try { await actions[button.dataset.do](); } finally { button.removeAttribute('aria-busy'); }
  });
}
$('[data-retry]', root).addEventListener('click', load);
load();
