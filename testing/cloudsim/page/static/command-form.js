// The form that queues commands: ready-made examples of every type, as inputs or as JSON, secrets encrypted on the way.
import { call, show } from './call.js';
import { draw } from './fields.js';
import { get, resolve, secretPaths, set } from './paths.js';
import { encrypt, importKey, isCiphertext } from './secret.js';

const $ = (id) => document.getElementById(id);
const form = $('command-form');
const agentPath = `/control/agents/${encodeURIComponent(form.dataset.agent)}`;
const state = { library: null, names: {}, agent: null, template: null, command: {} };

const checked = (name) => form.querySelector(`input[name=${name}]:checked`).value;
const variants = () => state.template.variants.filter((v) => v.dialects.includes(checked('dialect')));

async function start() {
  [state.library, state.names, state.agent] = await Promise.all([
    call('GET', '/control/templates'), call('GET', `${agentPath}/names`), call('GET', agentPath)]);
  const dialect = localStorage.getItem('cloudsim-dialect');
  if (dialect === 'R') form.querySelector('input[name=dialect][value=R]').checked = true;
  const asked = new URLSearchParams(location.search);
  listTypes(asked.get('type'));
  chooseType(asked.get('variant'));
}

// listTypes fills the list of types of the dialect, grouped.
function listTypes(wanted) {
  const type = $('type');
  type.replaceChildren();
  const groups = new Map();
  for (const t of state.library.templates) {
    if (!t.dialects.includes(checked('dialect'))) continue;
    if (!groups.has(t.group)) {
      const group = document.createElement('optgroup');
      group.label = t.group;
      groups.set(t.group, group);
      type.append(group);
    }
    groups.get(t.group).append(new Option(t.title, t.type));
  }
  if (wanted && [...type.options].some((o) => o.value === wanted)) type.value = wanted;
}

function chooseType(variant) {
  state.template = state.library.templates.find((t) => t.type === $('type').value);
  const list = $('variant');
  list.replaceChildren(...variants().map((v) => new Option(v.name, v.name)));
  $('variant-field').hidden = list.options.length < 2;
  if (variant && [...list.options].some((o) => o.value === variant)) list.value = variant;
  show($('help'), state.template.help);
  $('type-name').textContent = state.template.type;
  chooseVariant();
}

function chooseVariant() {
  const variant = variants().find((v) => v.name === $('variant').value) || variants()[0];
  state.command = resolve(structuredClone(variant.command), state.names);
  $('target-version').value = state.agent.version;
  show($('problem'), '');
  show($('queued'), '');
  render();
}

// shownPaths are the secrets of a command of the types that the library knows.
function shownPaths(command) {
  const template = state.library.templates.find((t) => t.type === (command && command.type));
  return template ? secretPaths(command, template.secrets, state.library.secrets) : [];
}

function render() {
  const asForm = checked('view') === 'form';
  $('form-view').hidden = !asForm;
  $('json-view').hidden = asForm;
  if (asForm) {
    const secret = new Set(shownPaths(state.command).map((p) => p.join('.')));
    draw($('form-view'), state.command, state.library, state.names, (path) => secret.has(path.join('.')));
    show($('secret-hint'), secret.size ? 'Secrets are encrypted in this browser with the latest public key of the agent.' : '');
  } else {
    $('json').value = JSON.stringify({ ...state.command, targetVersion: $('target-version').value }, null, 2);
    show($('secret-hint'), '');
  }
}

// fromJSON reads the JSON view, one command or several.
function fromJSON() {
  let value;
  try {
    value = JSON.parse($('json').value);
  } catch (error) {
    throw new Error(`The command is not JSON: ${error.message}`);
  }
  return value;
}

function changeView() {
  if (checked('view') === 'form') {
    try {
      const value = fromJSON();
      if (Array.isArray(value) || value === null || typeof value !== 'object') throw new Error('Several commands are shown as JSON only.');
      if (value.type !== state.template.type) throw new Error(`The form is that of ${state.template.type}. Choose the command ${value.type} in the list instead.`);
      if (typeof value.targetVersion === 'string') $('target-version').value = value.targetVersion;
      delete value.targetVersion;
      state.command = value;
    } catch (error) {
      form.querySelector('input[name=view][value=json]').checked = true;
      show($('problem'), error.message);
      return;
    }
  }
  show($('problem'), '');
  render();
}

// prepared are the commands to send, their secrets encrypted.
async function prepared() {
  if (checked('view') === 'json') {
    const value = fromJSON();
    const list = Array.isArray(value) ? value : [value];
    for (const command of list) await seal(command);
    return list;
  }
  const wrong = $('form-view').querySelector(':invalid');
  if (wrong) {
    wrong.focus();
    throw new Error(wrong.validationMessage);
  }
  const command = structuredClone(state.command);
  command.targetVersion = $('target-version').value;
  await seal(command);
  return [command];
}

async function seal(command) {
  let key = null;
  for (const path of shownPaths(command)) {
    const value = get(command, path);
    if (typeof value !== 'string' || value === '') continue;
    if (!key) key = await latestKey();
    if (!isCiphertext(key, value)) set(command, path, await encrypt(key, value));
  }
}

// latestKey asks again: the agent may have made new keys since the page was opened.
async function latestKey() {
  state.agent = await call('GET', agentPath);
  return importKey(state.agent.publicKey);
}

async function submit(event) {
  event.preventDefault();
  const buttons = form.querySelectorAll('button[type=submit]');
  const leave = !event.submitter || event.submitter.value === 'leave';
  show($('problem'), '');
  show($('queued'), '');
  buttons.forEach((b) => { b.disabled = true; });
  try {
    const { ids } = await call('POST', `${agentPath}/commands`, await prepared());
    if (leave) {
      location.href = form.dataset.back;
      return;
    }
    show($('queued'), ids.length === 1 ? `Queued as ${ids[0]}.` : `${ids.length} commands are queued.`);
  } catch (error) {
    show($('problem'), error.message);
  } finally {
    buttons.forEach((b) => { b.disabled = false; });
  }
}

async function encryptByHand() {
  show($('encrypt-problem'), '');
  $('cipher-field').hidden = true;
  try {
    $('cipher').value = await encrypt(await latestKey(), $('plain').value);
    $('cipher-field').hidden = false;
    $('cipher').select();
  } catch (error) {
    show($('encrypt-problem'), error.message);
  }
}

$('type').addEventListener('change', () => chooseType());
$('variant').addEventListener('change', chooseVariant);
form.addEventListener('submit', submit);
form.addEventListener('change', (event) => {
  if (event.target.name === 'view') changeView();
  if (event.target.name === 'dialect') {
    localStorage.setItem('cloudsim-dialect', checked('dialect'));
    const [type, variant] = [$('type').value, $('variant').value];
    listTypes(type);
    chooseType(variant);
  }
});
$('encrypt-button').addEventListener('click', encryptByHand);
$('plain').addEventListener('keydown', (event) => { if (event.key === 'Enter') encryptByHand(); });
start().catch((error) => show($('problem'), error.message));
